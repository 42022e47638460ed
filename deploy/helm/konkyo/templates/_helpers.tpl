{{- define "konkyo.labels" -}}
app.kubernetes.io/name: konkyo
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "konkyo.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "konkyo.pod" -}}
serviceAccountName: {{ .Release.Name }}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "konkyo.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "konkyo.models" -}}
- name: models
  image: {{ include "konkyo.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [models, pull, multilingual-e5-small]
  securityContext:
    {{- include "konkyo.confined" . | nindent 4 }}
  resources:
    requests:
      cpu: 250m
      memory: 512Mi
    limits:
      memory: 2Gi
  volumeMounts:
    {{- include "konkyo.written" . | nindent 4 }}
{{- end }}

{{- define "konkyo.written" -}}
- name: models
  mountPath: /models
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "konkyo.volumes" -}}
- name: models
  emptyDir:
    sizeLimit: 8Gi
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
{{- end }}

{{- define "konkyo.environment" -}}
- configMapRef:
    name: {{ .Release.Name }}
- secretRef:
    name: {{ .Values.existingSecret }}
{{- end }}
