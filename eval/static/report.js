const rows = [...document.querySelectorAll('details[data-kind]')];
const by = id => document.getElementById(id);
function filter() {
  const words = by('words').value.toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const hide = (by('failed').checked && row.dataset.state === 'handled')
      || (by('kind').value && row.dataset.kind !== by('kind').value)
      || (by('language').value && row.dataset.language !== by('language').value)
      || (words && !row.textContent.toLowerCase().includes(words));
    row.hidden = hide;
    shown += hide ? 0 : 1;
  }
  by('shown').textContent = shown + ' / ' + rows.length;
}
for (const id of ['failed', 'kind', 'language']) by(id).addEventListener('change', filter);
by('words').addEventListener('input', filter);
by('open').addEventListener('click', () => rows.forEach(r => { if (!r.hidden) r.open = true; }));
if (location.hash === '#failures') by('failed').checked = true;
filter();
