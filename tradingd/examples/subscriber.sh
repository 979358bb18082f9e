#!/usr/bin/env bash
# Prints each alert as a line of JSON, as it comes: subscriber.sh [HOST [PORT]]
# Needs bash alone. With redis-cli: redis-cli SUBSCRIBE tradingd:alerts
# Silence is answered with a PING; ends with 1 when there is no answer either.
set -euo pipefail

exec 3<>"/dev/tcp/${1:-127.0.0.1}/${2:-6379}"
printf 'SUBSCRIBE tradingd:alerts\r\n' >&3
asked=no
while true; do
    if IFS= read -r -t 5 line <&3; then
        asked=no
        if [[ $line == '{'* ]]; then printf '%s\n' "${line%$'\r'}"; fi
    elif (($? > 128)) && [[ $asked == no ]]; then # 128 and more: nothing came in time
        asked=yes
        printf 'PING\r\n' >&3
    else
        echo "the connection is lost" >&2
        exit 1
    fi
done
