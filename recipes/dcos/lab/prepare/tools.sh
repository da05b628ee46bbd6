# Puts something in front of tools that refuses what those of EL 7 do not know: see el7-tools.
set -eu
newer=$LAB/newer
mkdir -p "$newer"

# Where one tool is the other under another name (reboot is systemctl), that stays the real one.
keep_names() {
    find /usr/bin /usr/sbin -lname "*$1" | while read -r link; do
        [ "$(readlink -f "$link")" = "$2" ] && ln -sfn "$newer/$1" "$link"
    done || :
}

sed 's/#.*//; /^[[:space:]]*$/d' el7-tools | while read -r tool options; do
    if [ "$tool" = absent ]; then
        for absent in $options; do
            path=$(command -v "$absent") && rm -f "$path"
        done
        continue
    fi
    [ "$tool" != searched ] || continue
    path=$(readlink -f "$(command -v "$tool")")
    patterns=
    arguments=
    for option in $options; do
        case $option in
        ARGUMENT) arguments='[!-]*' ;;
        --*) patterns="$patterns${patterns:+ | }$option | $option=*" ;;
        # A letter, maybe among others; a word with one dash stands for itself.
        -?) patterns="$patterns${patterns:+ | }-[!-]*${option#-}* | $option*" ;;
        *) patterns="$patterns${patterns:+ | }$option" ;;
        esac
    done
    keep_names "$tool" "$path"
    mv "$path" "$newer/$tool"
    {
        echo '#!/bin/sh'
        echo "# $tool as EL 7 has it: what that does not know is refused."
        if [ "$tool" = systemctl ]; then
            # shellcheck disable=SC2016
            echo 'if [ "$*" = --version ]; then echo "systemd 219"; exit; fi'
        fi
        echo 'for word; do'
        # shellcheck disable=SC2016
        echo '    case $word in'
        # Behind it come the words of another command.
        echo '    --) break ;;'
        echo "    $patterns${arguments:+ | $arguments})"
        # shellcheck disable=SC2016
        echo "        echo \"$tool: '\$word' is unknown to $tool of EL 7\" >&2"
        echo '        exit 2'
        echo '        ;;'
        # Here as well, at the first word that is no option.
        if [ "$tool" = systemd-run ]; then
            echo '    -*) ;;'
            echo '    *) break ;;'
        fi
        echo '    esac'
        echo 'done'
        echo "exec $newer/$tool \"\$@\""
    } > "$path"
    chmod 755 "$path"
done
