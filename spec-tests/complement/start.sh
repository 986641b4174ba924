#!/bin/sh
# Starts the server in a container of Complement, whose authority of certificates is another one at every start.
set -eu

authority=/complement/ca/ca
mkdir -p /conf
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$SERVER_NAME" \
  -keyout /conf/tls.key -out /conf/tls.csr 2>/dev/null
echo "subjectAltName=DNS:$SERVER_NAME" >/conf/tls.ext
openssl x509 -req -in /conf/tls.csr -extfile /conf/tls.ext -days 30 \
  -CA "$authority.crt" -CAkey "$authority.key" -set_serial "0x$(openssl rand -hex 8)" -out /conf/tls.crt 2>/dev/null

export MYELIN_SERVER_NAME="$SERVER_NAME"
exec node src/main.ts start
