# The pipe's image: one static binary and the CA roots it trusts, nothing else.
# `dist/` holds both: the binary built for musl, and the roots as `etc/ssl/certs/ca-certificates.crt`.
FROM scratch
COPY dist/ /
ENTRYPOINT ["/ecr-pipe"]
