"""A pod of Kubernetes as data: the plugin's own image, and the agent of its task beside it. Pure.

Both share a volume: the home of the agent, of which the plugin sees its task folder. The plugin's container waits until
the agent lets it start, and keeps its two streams and its exit code in files of a second volume
(`engines/pod_script.py`). Settings are in a Secret, never in the pod: whoever may look at pods may not look at secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent.clusters import JobRefused, JobRequest, installation_of
from agent.clusters.in_pod import WAITS
from agent.clusters.kubernetes_template import with_template
from agent.clusters.node_settings import node_environment
from agent.domain import LOCAL_IMAGES, TASK_MOUNT, TaskOptions
from agent.engines.pod_script import CONTROL_FOLDER, command
from agent.settings import size_bytes

if TYPE_CHECKING:
    from agent.settings import Settings

PREFIX = "supervisely-local"
PLACEMENT, INSTALLATION, TASK = f"{PREFIX}/placement", f"{PREFIX}/installation", f"{PREFIX}/task"
FINALIZER = f"{PREFIX}/recorded"  # a pod that somebody deletes stays until its end is recorded
CANCELLED = f"{PREFIX}/cancelled"  # an annotation: we have deleted it ourselves
AGENT, PLUGIN = "agent", "plugin"  # the names of the containers
HOME = "/agent"
END_S = 120  # for an agent to pack and upload, after its plugin's own grace
LOST_S = 300  # a pod of a node that does not answer is given up after so long, as Kubernetes does by default
# Keys to the artifacts, as every AWS tool finds them in its environment.
_KEYS = re.compile(
    r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION|DEFAULT_REGION|ENDPOINT_URL(_S3)?|CA_BUNDLE)"
)
LAST_WORDS, LAST_WORDS_BYTES = "last_words", 3000  # of a failure; Kubernetes keeps 4096 bytes with the pod
# The agent, as the first process of its container. A crash is told to Kubernetes, which starts it again in the same
# pod; any other end is the pod's, and its exit code the message that Kubernetes keeps about it.
_AGENT_SCRIPT = f"""\
mkdir -p "$AGENT_HOME/tmp" && cd "$AGENT_HOME" || exit 75
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
SUPERVISELY_JOB_RESTARTS=0
SUPERVISELY_NODE_REBOOTED=
if [ -e starts ]; then
  read -r starts before <starts
  SUPERVISELY_JOB_RESTARTS=$((${{starts:-0}} + 1))
  [ "$boot" = "$before" ] || SUPERVISELY_NODE_REBOOTED=yes
fi
echo "$SUPERVISELY_JOB_RESTARTS $boot" >starts.new && mv starts.new starts
rm -f {LAST_WORDS}
export SUPERVISELY_JOB_RESTARTS SUPERVISELY_NODE_REBOOTED
end() {{
  [ ! -p {CONTROL_FOLDER}/control ] || echo end 1<>{CONTROL_FOLDER}/control
  {{ printf '%s\n' "$1"; [ ! -s {LAST_WORDS} ] || tail -c {LAST_WORDS_BYTES} {LAST_WORDS}; }} >/dev/termination-log
  exit 0
}}
agent=
told=
told() {{
  [ -z "$told" ] || return 0
  told=1
  [ -z "$agent" ] || insist
}}
insist() {{
  (trap - TERM INT; while kill -USR2 $agent 2>/dev/null; do sleep 1; done) &
}}
trap told TERM INT
trap '' USR2  # until the agent can hear it
# It loads itself while the plugin's container is made, and takes its task when it reads a line.
rm -f begins && mkfifo begins && exec 4<>begins && rm -f begins || exit 75
"$@" <&4 &
loads=$!
while [ ! -e begun ] && [ ! -e {CONTROL_FOLDER}/ready ] && [ ! -e {CONTROL_FOLDER}/exit ]; do
  [ -z "$told" ] || {{ kill -KILL $loads; end 143; }}
  sleep 0.1
done
: >begun
chmod a+rx tasks tasks/*  # the kubelet has made the plugin's folder for its owner alone
agent=$loads
[ -z "$told" ] || insist
echo begin >&4
exec 4>&-
code=
while [ -z "$code" ]; do
  wait $agent
  code=$?
  if [ $code -gt 128 ] && kill -0 $agent 2>/dev/null; then code=; fi
done
[ $code -le 128 ] || exit $code
end $code
"""


def secret_name(label: str) -> str:
    return f"{installation_of(label)}-settings"


def secret(label: str, settings: Settings, environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings of the agents of all jobs. Raises JobRefused for those that no pod can work with."""
    env = node_environment(settings)
    if not settings.store_url or settings.store_url.startswith("sqlite"):
        raise JobRefused(
            "the store is an SQLite file, which a pod cannot reach; set AGENT_STORE_URL to a PostgreSQL server"
        )
    if "://" not in settings.artifacts and settings.kubernetes_template is None:
        raise JobRefused(
            f"the artifacts are in the folder {settings.artifacts}, which a pod cannot reach; set AGENT_ARTIFACTS_URL "
            "to an object store, or mount a shared folder there by AGENT_KUBERNETES_TEMPLATE"
        )
    keys = {name: value for name, value in environment.items() if _KEYS.fullmatch(name)}
    for name in ("AGENT_ENGINE", "AGENT_PYTHON"):
        env.pop(name, None)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret_name(label), "labels": labels(label)},
        "type": "Opaque",
        "stringData": {**keys, **env},
    }


def labels(label: str) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": PREFIX, INSTALLATION: installation_of(label)}


def pod(request: JobRequest, settings: Settings) -> dict[str, Any]:
    """The pod of a placement, before a template. Raises JobRefused for what a pod cannot do."""
    if not settings.kubernetes_image:
        raise JobRefused(
            "AGENT_KUBERNETES_IMAGE is not set; it names the image of this agent, as agent/Dockerfile makes it"
        )
    if request.options.hardened or settings.hardened:
        raise JobRefused(
            "it asks for a hardened container, which a pod is not; run it with an agent of the docker engine"
        )
    words = ("agent", "run", "--task", str(request.task_id), "--placement", str(request.number))
    spec: dict[str, Any] = {
        "restartPolicy": "OnFailure",  # an agent that crashed goes on in its pod; all other ends are 0
        "terminationGracePeriodSeconds": int(request.options.stop_grace_s) + END_S,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # a variable for each service of the namespace: not the plugin's
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{state}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": LOST_S,
            }
            for state in ("not-ready", "unreachable")
        ],
        # In this order they are started: the agent loads itself while the plugin's container is made.
        "containers": [_agent(request, settings, words), _plugin(request, settings)],
        "volumes": [
            {"name": "home", "emptyDir": {}},
            {"name": "control", "emptyDir": {}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(settings.shm_bytes)}},
        ],
    }
    if settings.kubernetes_service_account:
        spec["serviceAccountName"] = settings.kubernetes_service_account
    if secrets := _words(settings.kubernetes_pull_secrets):
        spec["imagePullSecrets"] = [{"name": name} for name in secrets]
    if request.avoid:
        match = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(request.avoid)}
        spec["affinity"] = {
            "nodeAffinity": {  # preferred: there may be no other
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 100, "preference": {"matchExpressions": [match]}}
                ]
            }
        }
    queue = {"kueue.x-k8s.io/queue-name": settings.kubernetes_queue} if settings.kubernetes_queue else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": request.label,
            "labels": {**labels(request.label), PLACEMENT: request.label, TASK: str(request.task_id), **queue},
            "finalizers": [FINALIZER],
        },
        "spec": spec,
    }


def probe_pod(label: str, settings: Settings) -> dict[str, Any]:
    """The pod of `agent cluster check`: the agent alone, which says what it finds."""
    made = pod(JobRequest(0, 0, label, TaskOptions(gpus="none"), image=settings.kubernetes_image), settings)
    made = with_template(made, settings.kubernetes_template)
    spec = made["spec"]
    agent = next(one for one in spec["containers"] if one["name"] == AGENT) | {"command": ["agent", "cluster", "probe"]}
    spec |= {"containers": [agent], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    del made["metadata"]["finalizers"]
    return made


def _plugin(request: JobRequest, settings: Settings) -> dict[str, Any]:
    gpus = gpus_of(request, settings)
    asked: dict[str, str] = {}
    if settings.kubernetes_cpus:
        asked["cpu"] = settings.kubernetes_cpus
    limits: dict[str, str] = {settings.kubernetes_gpu: str(gpus)} if gpus else {}
    memory = (
        str(request.options.memory_bytes) if request.options.memory_bytes is not None else settings.kubernetes_memory
    )
    if memory:
        limits["memory"] = _quantity(memory)
    pull = settings.pull if request.options.pull == "missing" else request.options.pull
    if request.image.startswith(LOCAL_IMAGES):  # on no registry but a stranger's; a node may have been given it
        pull = "never"
    return {
        "name": PLUGIN,
        "image": request.image,
        "imagePullPolicy": _PULL[pull],
        "command": command(),
        "resources": {"requests": {**asked, **limits}, "limits": limits},
        # Its network is the agent's, too: it is not to listen in, or to answer in the name of others.
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["NET_RAW"]}},
        # Where the runtime of a node shows all GPUs to images that ask for them.
        **({} if gpus else {"env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}]}),
        "volumeMounts": [
            {"name": "home", "mountPath": str(TASK_MOUNT), "subPath": f"tasks/{request.task_id}"},
            {"name": "control", "mountPath": CONTROL_FOLDER},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - where programs look for it
        ],
    }


def _agent(request: JobRequest, settings: Settings, words: Sequence[str]) -> dict[str, Any]:
    fixed = {"AGENT_HOME": HOME, "AGENT_ENGINE": "pod", "HOME": HOME, "TMPDIR": f"{HOME}/tmp"}  # noqa: S108 - a folder of its own
    fixed |= {"SUPERVISELY_JOB": request.label, "SUPERVISELY_LAST_WORDS": f"{HOME}/{LAST_WORDS}", WAITS: "yes"}
    return {
        "name": AGENT,
        "image": settings.kubernetes_image,
        "imagePullPolicy": _PULL[settings.pull],
        "command": ["/bin/sh", "-c", _AGENT_SCRIPT, *words[:1], *words],
        "envFrom": [{"secretRef": {"name": secret_name(request.label)}}],
        "env": [
            *({"name": name, "value": value} for name, value in fixed.items()),
            {"name": "SUPERVISELY_NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER"]},  # plugins' files
        },
        "volumeMounts": [{"name": "home", "mountPath": HOME}, {"name": "control", "mountPath": CONTROL_FOLDER}],
    }


def gpus_of(request: JobRequest, settings: Settings) -> int:
    """How many GPUs the pod asks for. Raises JobRefused."""
    gpus = request.options.gpus.lower()
    if gpus == "none":
        return 0
    if gpus == "all" and not settings.kubernetes_gpus:
        raise JobRefused("it asks for all GPUs of a node; set AGENT_KUBERNETES_GPUS to how many a pod asks for")
    if gpus in ("auto", "all"):
        return settings.kubernetes_gpus
    return len(gpus.split(","))  # numbers of devices mean nothing on another node


def _quantity(memory: str) -> str:
    """Our spelling of a size in bytes, as Kubernetes reads it."""
    return str(size_bytes(memory))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


_PULL = {"missing": "IfNotPresent", "always": "Always", "never": "Never"}
