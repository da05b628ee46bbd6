# The certificates of the names that the lab's internet answers to, from an authority of this lab's own
# whose key is thrown away.
set -eu
tls=/srv/lab/internet/tls
mkdir -p "$tls"
work=$(mktemp -d)
names=$(sed 's/#.*//; s/[[:space:]]//g; /^$/d; s/^/DNS:/' internet/names | paste -s -d,)
{
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN=Phalanx lab' \
        -keyout "$work/authority.key" -out "$work/authority.crt"
    openssl req -newkey rsa:2048 -nodes -subj '/CN=internet of a lab' \
        -keyout "$tls/key.pem" -out "$work/request"
    printf 'subjectAltName=%s\n' "$names" > "$work/extensions"
    openssl x509 -req -days 3650 -in "$work/request" -CA "$work/authority.crt" \
        -CAkey "$work/authority.key" -CAcreateserial -extfile "$work/extensions" -out "$tls/cert.pem"
} 2> "$work/log" || {
    cat "$work/log"
    exit 1
}
# Nothing else is trusted: there is nothing else that could be reached.
cp "$work/authority.crt" /etc/ssl/certs/ca-certificates.crt
rm -rf "$work"
