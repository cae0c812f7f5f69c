# The pipe's image: one static binary and the CA roots it trusts, nothing else. `release/build amd64 arm64` makes what `dist/` holds.
FROM scratch
ARG TARGETARCH
COPY dist/${TARGETARCH}/ /
ENTRYPOINT ["/ecr-pipe"]
