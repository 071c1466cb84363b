#!/bin/bash
# Whether Cogwheel answers on this machine: exit code 0 or 1. With bash alone, so that an image needs no HTTP client.
exec 3<>"/dev/tcp/127.0.0.1/${COGWHEEL_PORT:-8080}" || exit 1
printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3
read -r -t 3 _ status _ <&3
[ "$status" = 200 ]
