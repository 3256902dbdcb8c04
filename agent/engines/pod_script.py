"""The first process of a plugin's container in a pod: a script of `sh`, and the files by which it and the agent speak.

Both containers mount `CONTROL_FOLDER`. The script runs the plugin once, when it is told to, and keeps its output and
its end as files; `pod.py` writes the words and reads the files. It runs in dash and in busybox, and needs of other
programs those of coreutils: mkfifo, cat, mv, rm, sleep, and tee, if there is one, for `kubectl logs`.
"""

from __future__ import annotations

CONTROL_FOLDER = "/supervisely-local"  # in both containers; everybody may write to it

CONTROL = "control"  # a pipe with a name: the agent writes words, a line each
READY = "ready"  # the script waits for the word START
START_FILE = "start.sh"  # written by the agent: the plugin's environment and command
STARTED = "started"  # the plugin was started, and never will be again
OUT, ERR = "out", "err"  # what it printed
EXIT = "exit"  # how it ended, lines of a key and a value; the last file

START, TERM, KILL, END = "start", "term", "kill", "end"  # the words; END ends a script that waits, never a plugin

# The first lines of START_FILE: tell which process the plugin's first one is, and let go of the pipe.
PROLOGUE = 'echo "first $$" >&3\nexec 3>&-\n'

# Its variables have long names, because one that the image's environment has too would change the plugin's.
SCRIPT = r"""
_sly=${1:-/supervisely-local}

# The kubelet signals the first process of a pod that is deleted; the agent decides what becomes of the plugin. Caught
# and not ignored, because a plugin would inherit that.
trap : TERM INT HUP

_sly_nap() { sleep 0.02 2>/dev/null || sleep 1; }

# Record the end and leave: exit code, whether the kernel killed for lack of memory, whether output is missing, why.
_sly_end() {
    until
        rm -rf "$_sly/exit" "$_sly/exit.new" &&
            (umask 022 && printf 'code %s\noom %s\nlost %s\nerror %s\n' "$1" "$2" "$3" "$4" >"$_sly/exit.new") &&
            mv "$_sly/exit.new" "$_sly/exit"
    do sleep 1 || exit 1; done  # the disk is full
    exit 0  # always: a container that fails is started again
}

# How many processes of this container the kernel has killed for lack of memory.
_sly_count_ooms() {
    _sly_ooms=0
    for _sly_file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
        [ -r "$_sly_file" ] || continue
        while read -r _sly_key _sly_value; do
            [ "$_sly_key" != oom_kill ] || _sly_ooms=$_sly_value
        done <"$_sly_file"
    done
}

# A process: its state, parent, session and the signals that it handles; all empty when it is gone.
_sly_look() {
    _sly_state='' _sly_parent='' _sly_session='' _sly_handled=''
    while read -r _sly_key _sly_value _sly_more; do
        case $_sly_key in
            State:) _sly_state=$_sly_value ;;
            PPid:) _sly_parent=$_sly_value ;;
            NSsid:) _sly_session=$_sly_value ;;
            SigCgt:) _sly_handled=$_sly_value && break ;;
        esac
    done 2>/dev/null <"/proc/$1/status"
    case $_sly_state in '' | Z | X) return 1 ;; esac
}

# Whether the process just looked at is one of the plugin's. In a container of its own all are. Where this script is not
# the first process, it sees those of others: then only its descendants are, and its session.
_sly_is_ours() {
    [ $$ -ne 1 ] || return 0
    [ "$_sly_session" != $$ ] || return 0
    while [ "${_sly_parent:-0}" -gt 1 ]; do
        [ "$_sly_parent" -ne $$ ] || return 0
        _sly_look "$_sly_parent" || return 1
    done
    return 1
}

# Send a signal to the plugin's processes; whether there were any. The first is spared a TERM that it does not handle:
# it is the shell that waits for the plugin, and the kernel spares the first process of a container in the same way.
_sly_signal() {
    _sly_any=1
    for _sly_process in /proc/[0-9]*; do
        _sly_process=${_sly_process#/proc/}
        case " $$ $_sly_spared " in *" $_sly_process "*) continue ;; esac
        _sly_look "$_sly_process" || continue
        if [ "$1" = TERM ] && [ "$_sly_process" = "$_sly_first" ]; then
            case $_sly_handled in *[4567cdef]???) ;; *) continue ;; esac
        fi
        _sly_is_ours || continue
        kill -s "$1" "$_sly_process" 2>/dev/null && _sly_any=0
    done
    return $_sly_any
}

# Kill until nobody is left; those who print last are heard. A plugin that starts processes faster than they are found
# is killed in one stroke, together with those who write its output down.
_sly_kill() {
    # Its first process first: a shell would print that what it waits for was killed.
    [ -z "$_sly_first" ] || { _sly_look "$_sly_first" && _sly_is_ours && kill -s KILL "$_sly_first"; } 2>/dev/null
    _sly_turn=0
    while _sly_signal KILL; do
        _sly_turn=$((_sly_turn + 1))
        [ $_sly_turn -lt 200 ] || return 0
        [ $_sly_turn -lt 50 ] || [ $$ -ne 1 ] || kill -s KILL -1 2>/dev/null
        _sly_nap
    done
}

_sly_listen() {
    trap '' TERM INT HUP
    read -r _sly_self _sly_more </proc/self/stat
    _sly_spared="$_sly_spared $_sly_self" _sly_first=''
    while read -r _sly_word _sly_more <&3; do
        case $_sly_word in
            first) _sly_first=${_sly_first:-$_sly_more} ;;
            term) _sly_signal TERM ;;
            kill) _sly_kill ;;
        esac
    done
}

# A stream of the plugin, which is a pipe as in any container, to its file, and to the log of this container.
_sly_keep() {
    trap '' TERM INT HUP PIPE
    if command -v tee >/dev/null; then exec tee -a "$1"; else exec cat >>"$1"; fi
}

[ ! -e "$_sly/exit" ] || exit 0
if [ -e "$_sly/started" ]; then
    _sly_end 137 0 0 'its container was killed with everything in it; most often it needs more memory than it may have'
fi

if [ ! -p "$_sly/control" ]; then
    rm -rf "$_sly/control"
    mkfifo -m 666 "$_sly/control" || _sly_end 127 0 0 'its image has no mkfifo, which the pod needs'
fi
exec 3<>"$_sly/control"
rm -rf "$_sly/out.pipe" "$_sly/err.pipe"
mkfifo "$_sly/out.pipe" "$_sly/err.pipe"
(umask 022 && : >>"$_sly/out" && : >>"$_sly/err" && : >"$_sly/ready")
while :; do
    read -r _sly_word _sly_more <&3 || continue  # a signal
    case $_sly_word in
        start) break ;;
        end | kill) _sly_end 137 0 0 'it was ended before its start' ;;
    esac
done

(umask 022 && : >"$_sly/started") || _sly_end 127 0 0 'its start could not be recorded'
_sly_count_ooms
_sly_ooms_before=$_sly_ooms
_sly_keep "$_sly/out" <"$_sly/out.pipe" 3>&- &
_sly_out=$!
_sly_keep "$_sly/err" <"$_sly/err.pipe" >&2 3>&- &
_sly_err=$!
exec 5>"$_sly/out.pipe" 6>"$_sly/err.pipe"
rm -f "$_sly/out.pipe" "$_sly/err.pipe"
_sly_spared="$_sly_out $_sly_err"
_sly_listen >/dev/null 5>&- 6>&- &

# In the foreground, because a shell has its background ignore SIGINT; in a shell of its own, because this one would say
# on the plugin's stderr that the plugin was killed.
(exec /bin/sh -e "$_sly/start.sh" </dev/null >&5 2>&6 5>&- 6>&-)
_sly_code=$?

trap '' TERM INT HUP
exec 5>&- 6>&-
_sly_first=''
_sly_kill
_sly_lost=0
for _sly_keeper in $_sly_spared; do
    _sly_turn=0
    while _sly_look "$_sly_keeper"; do
        _sly_turn=$((_sly_turn + 1))
        [ $_sly_turn -lt 200 ] || kill -s KILL "$_sly_keeper"
        _sly_nap
    done
    for _sly_turn in 1 2 3 4; do  # bash first tells of the signals that this script has caught
        wait "$_sly_keeper"
        case $? in
            0) break ;;
            129 | 130 | 143) ;;
            *) _sly_lost=1 && break ;;
        esac
    done
done
_sly_count_ooms
_sly_end "$_sly_code" $((_sly_ooms > _sly_ooms_before)) $_sly_lost ''
"""


def command() -> list[str]:
    """The command of the plugin's container, in place of the image's entry point."""
    return ["/bin/sh", "-c", SCRIPT]
