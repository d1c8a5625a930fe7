# syntax=docker/dockerfile:1

FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY main.go ./
COPY adapters adapters
COPY engine engine
COPY schemas schemas
COPY server server
COPY workflows workflows
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w" -o /heddle .

# Alpine rather than an empty image for wget, which the health check needs, and for certificates and time zones.
FROM alpine:3.22
RUN apk add --no-cache ca-certificates tzdata && \
    addgroup -g 10001 heddle && adduser -D -H -u 10001 -G heddle -h /data heddle && \
    install -d -o heddle -g heddle -m 0700 /data
COPY --from=build /heddle /usr/local/bin/heddle

# Everything Heddle writes goes below /data, so the root file system may be read-only.
ENV HEDDLE_DATA_DIR=/data XDG_CONFIG_HOME=/data TMPDIR=/data
VOLUME /data
WORKDIR /data
USER 10001:10001
EXPOSE 3000

# The server answers on loopback until it is told where: --listen 0.0.0.0:3000 with --tls-cert and --tls-key, or with
# --insecure-http behind a proxy that does TLS. With TLS the check needs HEDDLE_HEALTH=https://...
ENV HEDDLE_HEALTH=http://127.0.0.1:3000/health/status
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s --retries=3 \
    CMD answer=$(wget -q -O - --no-check-certificate "$HEDDLE_HEALTH") || exit 1; \
        case $answer in *'"stopped"'*) exit 1 ;; esac

ENTRYPOINT ["heddle"]
CMD ["serve"]
