#!/bin/sh
# On the bootstrap node: a web server in a container, from which the other nodes install. Docker
# starts it again after a reboot, so that nodes can be added later.
set -u

fail() {
    echo "$1" >&2
    exit 1
}

name=dcos-bootstrap-nginx
image=$PX_SETTING_NGINX_IMAGE
port=$PX_SETTING_BOOTSTRAP_PORT
folder=$PX_SETTING_BOOTSTRAP_FOLDER/$PX_RELEASE/genconf/serve
url=http://$PX_PRIVATE_ADDRESS:$port

# The container as it is: whether it runs, image, port, restart policy, mounts.
wanted="true $image $port always $folder:/usr/share/nginx/html:ro "
found=$(docker inspect --type container --format \
    '{{.State.Running}} {{.Config.Image}} {{range $port, $to := .HostConfig.PortBindings}}{{range $to}}{{.HostPort}}{{end}}{{end}} {{.HostConfig.RestartPolicy.Name}} {{range .HostConfig.Binds}}{{.}} {{end}}' \
    "$name" 2>/dev/null) || found=

if [ "$found" = "$wanted" ]; then
    already "$image serves $folder on port $port"
elif [ "$found" = "false${wanted#true}" ]; then
    docker start "$name" || fail "could not start the container $name"
    changed "started $name"
else
    if ! docker inspect --type image "$image" >/dev/null 2>&1 && [ -n "${PX_SETTING_NGINX_ARCHIVE:-}" ]; then
        if [ ! -r "$PX_SETTING_NGINX_ARCHIVE" ]; then
            problem nginx_archive error "there is no archive at $PX_SETTING_NGINX_ARCHIVE on the bootstrap node" \
                "copy it there (docker save -o FILE $image, where Docker has it), or correct \`nginx_archive\`"
            exit 1
        fi
        docker load -i "$PX_SETTING_NGINX_ARCHIVE" || fail "could not load $PX_SETTING_NGINX_ARCHIVE"
        if ! docker inspect --type image "$image" >/dev/null 2>&1; then
            problem nginx_archive error "the archive $PX_SETTING_NGINX_ARCHIVE does not have the image $image" \
                "set \`nginx_image\` to the one that it has: docker images"
            exit 1
        fi
        changed "loaded $image from $PX_SETTING_NGINX_ARCHIVE"
    fi
    if ! docker inspect --type image "$image" >/dev/null 2>&1; then
        docker pull "$image" || fail "could not pull $image: set \`nginx_image\` to an image that this host can get"
        changed "pulled $image"
    fi
    # It is there, but another one, or was not started to the end.
    if [ -n "$found" ] || docker inspect --type container "$name" >/dev/null 2>&1; then
        docker rm -f "$name" || fail "could not remove the container $name, which is not as it should be"
    fi
    case $(ss -lnt "sport = :$port") in
    *LISTEN*)
        problem bootstrap_port error "port $port of the bootstrap node is in use" \
            "stop what listens there (ss -lntp 'sport = :$port'), or set \`bootstrap_port\` to another one"
        exit 1
        ;;
    esac
    docker run -d --name "$name" --restart=always -p "$port:80" -v "$folder:/usr/share/nginx/html:ro" "$image" ||
        fail "could not run $image"
    changed "$image serves $folder on port $port"
fi

# The proof: what comes out is what lies there, by the address that the other nodes will ask. The
# web server may need a moment.
tries=0
until curl -fs --noproxy "*" -m 5 "$url/dcos_install.sh" | cmp -s - "$folder/dcos_install.sh"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 100 ]; then
        docker logs --tail 20 "$name"
        curl -fsS --noproxy "*" -m 5 -o /dev/null "$url/dcos_install.sh"
        problem bootstrap_url error "$url/dcos_install.sh cannot be fetched on the bootstrap node itself, or is another file" \
            "see that $PX_PRIVATE_ADDRESS is the bootstrap node's private address, and what the log says above"
        exit 1
    fi
    sleep 0.1
done
echo "$url serves dcos_install.sh"
