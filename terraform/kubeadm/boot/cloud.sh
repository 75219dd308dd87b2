# shellcheck shell=sh
# What boot scripts ask of AWS. Sourced after cluster.env; does nothing by itself.

export AWS_DEFAULT_REGION="${OUTBOARD_REGION:?}"
S3_PREFIX="${OUTBOARD_PREFIX:?}/init"

# imds PATH: what this instance knows of itself.
imds() {
  token=$(curl -sSf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
  curl -sSf -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/$1"
}

# progress WORD [TEXT]: how far this node is, for `outboard cluster status`.
progress() {
  echo "outboard: $1 ${2:-}" > /dev/console
  aws ssm put-parameter --overwrite --type String --name "$OUTBOARD_PARAMETERS/progress/$INSTANCE" \
    --value "$(date -u +%FT%TZ) ${NODE_ROLE:?} $1 ${2:-}" > /dev/null || true
}

# give_up TEXT: says why on the console and in the progress, and ends; systemd tries again a minute later. Meanwhile another
# node may have the turn.
give_up() {
  trap - EXIT
  progress Failed "$1"
  release_turn || true
  exit 1
}

# For `trap … EXIT`: an end that nobody expected is told, too.
tell_end() {
  ended=$?
  [ "$ended" = 0 ] || progress Failed "ended with $ended: see journalctl -u outboard-node"
}

holder() { sed -n 's/.*"instance":"\([^"]*\)".*/\1/p' "$1"; }

# Gives the turn to join back, if this node has it.
release_turn() {
  look turn.json turn.json > /dev/null || return 0
  [ "$(holder turn.json)" = "$INSTANCE" ] || return 0
  aws s3api delete-object --bucket "$OUTBOARD_BUCKET" --key "$S3_PREFIX/turn.json" > /dev/null
}

# What an earlier try left behind is no node: kubeadm would refuse to go on from it.
begin_anew() {
  [ -e /etc/kubernetes/kubelet.conf ] || [ -e /etc/kubernetes/manifests/kube-apiserver.yaml ] || return 1
  kubeadm reset --force > /dev/null 2>&1 || true
}

# parameter NAME: a secret, on standard output only.
parameter() {
  aws ssm get-parameter --with-decryption --name "$OUTBOARD_PARAMETERS/$1" --query Parameter.Value --output text
}

# claim NAME FILE: writes an object unless there is one. 0: written; 1: there is one; 2: AWS did not answer.
claim() {
  if said=$(aws s3api put-object --bucket "${OUTBOARD_BUCKET:?}" --key "$S3_PREFIX/$1" --body "$2" --if-none-match '*' 2>&1); then
    return 0
  fi
  case $said in
    *PreconditionFailed* | *ConditionalRequestConflict*) return 1 ;;
    *'Unknown options'*) give_up "the image's AWS CLI knows no conditional writes: it has to be 2.22 or newer" ;;
  esac
  echo "$said" >&2
  return 2
}

# take_over NAME FILE ETAG: writes an object only if it is still the one that was read. As `claim`.
take_over() {
  if said=$(aws s3api put-object --bucket "$OUTBOARD_BUCKET" --key "$S3_PREFIX/$1" --body "$2" --if-match "$3" 2>&1); then
    return 0
  fi
  case $said in
    *PreconditionFailed* | *ConditionalRequestConflict* | *NoSuchKey*) return 1 ;;
    *'Unknown options'*) give_up "the image's AWS CLI knows no conditional writes: it has to be 2.22 or newer" ;;
  esac
  echo "$said" >&2
  return 2
}

# look NAME FILE: reads an object into a file and prints its ETag. 1: there is none; 2: AWS did not answer.
look() {
  if said=$(aws s3api get-object --bucket "$OUTBOARD_BUCKET" --key "$S3_PREFIX/$1" "$2" --query ETag --output text 2>&1); then
    echo "$said"
    return 0
  fi
  case $said in *NoSuchKey* | *'Not Found'*) return 1 ;; esac
  echo "$said" >&2
  return 2
}

# alive INSTANCE: whether it exists and is not on its way out. When AWS does not answer it counts as alive.
alive() {
  if state=$(aws ec2 describe-instances --instance-ids "$1" --query 'Reservations[].Instances[].State.Name' --output text 2>&1); then
    case $state in pending | running | stopping | stopped) return 0 ;; *) return 1 ;; esac
  fi
  case $state in *InvalidInstanceID.NotFound*) return 1 ;; *) return 0 ;; esac
}
