"""Talks to an OpenID provider: where people sign in there, and what it says of who did."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from konkyo.index.errors import ExtraMissing, KonkyoError, SettingsError
from konkyo.index.settings import OpenIDSettings
from konkyo.ui.http.auth import Role

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from joserfc.jwk import KeySet

__all__ = ["Attempt", "OpenIDProvider", "SignInFailed"]

_SECONDS = 10.0
_LEEWAY = 60
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures by a key that only the provider has."""
_NAMES = ("email", "preferred_username", "name")
_NAME_LIMIT = 120


class SignInFailed(KonkyoError):
    """The provider could not be asked, or what it says does not prove who somebody is."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What ties an answer of the provider to the browser that asked for it."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class OpenIDProvider:
    """One provider as the settings name it. Raises SettingsError, ExtraMissing."""

    def __init__(self, settings: OpenIDSettings, secret: str = "") -> None:
        try:
            import authlib.integrations.httpx_client  # noqa: F401
        except ImportError as exc:
            raise ExtraMissing("[oidc] needs `pip install 'konkyo[oidc]'`") from exc
        if not settings.client_id:
            raise SettingsError("oidc.client_id: the provider knows this server by a name; set it")
        if not _protected(settings.issuer):
            raise SettingsError(f"oidc.issuer: {settings.issuer} is not an https address")
        self.settings = settings
        self._secret = secret
        self._known: Mapping[str, object] = {}

    async def address(self, attempt: Attempt, redirect: str, *, again: bool) -> str:
        """Where a browser is sent to sign in; ``again``: also somebody the provider still knows.

        Raises SignInFailed.
        """
        described = await self._described()
        async with self._client(redirect) as client:
            address, _ = client.create_authorization_url(
                _text(described, "authorization_endpoint"),
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
                **({"prompt": "login"} if again else {}),
            )
        return str(address)

    async def user(self, attempt: Attempt, code: str, redirect: str) -> str:
        """Who signed in, as ``role:name``, for the code that the provider sent along.

        The name ends in the provider's own identifier, which nobody else has. Raises SignInFailed.
        """
        import httpx
        from authlib.common.errors import AuthlibBaseError
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        described = await self._described()
        try:
            async with self._client(redirect) as client:
                token = await client.fetch_token(
                    _text(described, "token_endpoint"), code=code, code_verifier=attempt.verifier
                )
                keys = await client.request(
                    "GET", _text(described, "jwks_uri"), withhold_token=True
                )
                claims = self._proved(
                    str(token["id_token"]), KeySet.import_key_set(keys.json()), attempt.nonce
                )
                claim = self.settings.role_claim
                if claim and claim not in claims and "userinfo_endpoint" in described:
                    told = (await client.get(_text(described, "userinfo_endpoint"))).json()
                    if told.get("sub") == claims["sub"]:
                        claims = {**told, **claims}
        except (httpx.HTTPError, AuthlibBaseError, JoseError, KeyError, ValueError) as exc:
            raise SignInFailed(f"{self.settings.issuer}: {exc}") from exc
        return f"{self._role(claims)}:{_name(claims)}"

    def _proved(self, id_token: str, keys: KeySet, nonce: str) -> dict[str, object]:
        """The claims of an ID token that this provider signed, for us, for this attempt."""
        from joserfc import jwt
        from joserfc.errors import InvalidClaimError

        token = jwt.decode(id_token, keys, algorithms=list(_ALGORITHMS))
        jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
        if token.claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise InvalidClaimError("azp")
        claims: dict[str, object] = dict(token.claims)
        return claims

    def _role(self, claims: Mapping[str, object]) -> Role:
        """What somebody may do. Raises SignInFailed where it is nothing."""
        held = claims.get(self.settings.role_claim) if self.settings.role_claim else ()
        values = {held} if isinstance(held, str) else set(held if isinstance(held, list) else ())
        if values & set(self.settings.editors):
            return "editor"
        if not self.settings.readers or values & set(self.settings.readers):
            return "reader"
        raise SignInFailed(f"{_name(claims)} has none of the roles that may come in")

    async def _described(self) -> Mapping[str, object]:
        """What the provider publishes of itself, asked for once."""
        import httpx

        if not self._known:
            address = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            try:
                async with httpx.AsyncClient(timeout=_SECONDS) as client:
                    response = await client.get(address)
                described = dict(response.raise_for_status().json())
            except (httpx.HTTPError, ValueError, TypeError) as exc:
                raise SignInFailed(f"{address} cannot be read: {exc}") from exc
            if described.get("issuer") != self.settings.issuer:
                raise SignInFailed(f"{address} calls itself {described.get('issuer')}")
            self._known = described
        return self._known

    def _client(self, redirect: str) -> AsyncOAuth2Client:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        return AsyncOAuth2Client(
            self.settings.client_id,
            self._secret or None,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=self.settings.scope,
            redirect_uri=redirect,
            code_challenge_method="S256",
            timeout=_SECONDS,
        )


def _text(described: Mapping[str, object], key: str) -> str:
    """An address the provider publishes. Raises SignInFailed."""
    value = described.get(key)
    if not isinstance(value, str) or not _protected(value):
        raise SignInFailed(f"the provider names no {key} with https")
    return value


def _protected(address: str) -> bool:
    """Whether nobody on the way can read or change what is sent there."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and local))


def _name(claims: Mapping[str, object]) -> str:
    """A name for people and the identifier, in letters that a header can carry.

    The identifier is never cut: two that begin alike are two people.
    """
    name = next((str(claims[key])[:_NAME_LIMIT] for key in _NAMES if claims.get(key)), "")
    return "#".join(quote(part, safe="@.") for part in (name, str(claims["sub"])) if part)
