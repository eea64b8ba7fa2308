#!/usr/bin/env bash
# Starts every module in a container of its own, and waits until all of them answer.
#
#   ./start_microservices.sh [--scale ocr-service=3 ...]      what is said is handed on to `docker compose up`
#
# Where there is no .env, one is made of env.example with secrets of its own; one that is there is left as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
readonly stack=docker-compose.microservices.yml

fail() {
  echo "start_microservices: $*" >&2
  exit 1
}

secret() {
  head --bytes 36 /dev/urandom | base64 --wrap 0 | tr '+/' '-_'
}

command -v docker >/dev/null || fail "docker is not installed: take the engine that your system packages"
docker compose version >/dev/null 2>&1 || fail "docker has no compose plugin: install docker-compose-plugin"
docker info >/dev/null 2>&1 || fail "the Docker Engine does not answer: start it, or join the group docker"

if [[ ! -e .env ]]; then
  (
    umask 077
    {
      cat env.example
      echo
      echo "# --- Made by start_microservices.sh: keep them, without them the data cannot be read ---"
      for name in POSTGRES_PASSWORD CONVERTO_RPC_SECRETS CONVERTO_AUTH_SECRET_KEY CONVERTO_METRICS_TOKEN GRAFANA_ADMIN_PASSWORD; do
        echo "$name=$(secret)"
      done
    } >.env.new
    mv .env.new .env
  )
  echo "Made .env with secrets of its own."
fi

docker compose --file "$stack" build
docker compose --file "$stack" up --detach --wait "$@"
publish=$(docker compose --file "$stack" port gateway 8000)
cat <<TOLD

Converto answers on http://$publish
  documentation   http://$publish/docs
  who is well     http://$publish/services/health
  what it logs    docker compose --file $stack logs --follow
  stop it         docker compose --file $stack down        (with --volumes: and forget everything)
TOLD
