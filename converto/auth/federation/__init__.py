"""Sign-in by another provider of identities: OpenID Connect."""
