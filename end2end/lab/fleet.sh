# shellcheck shell=bash disable=SC2034  # render() reads the variables by name
# What runs in the demo fleet: fleet.tsv made into a Git repository and into Applications. Sourced by lab.sh.

declare -A REPLICAS_OF=([dev]=1 [staging]=1 [prod]=2)

# each_app COMMAND...: runs COMMAND once for each app, with its line of fleet.tsv in variables.
each_app() {
  local APP PROJECT LAYOUT AUTO PARTS USE DEV STAGING PROD LIVE
  while read -r APP PROJECT LAYOUT AUTO PARTS USE DEV STAGING PROD LIVE; do
    "$@"
  done < <(grep -v '^#' "$SOURCE/fleet.tsv")
}

# ---------------------------------------------------------------- the repository

make_repo() {
  [[ -d $REPO ]] && return
  local work=$LAB_DIR/tmp/seed hour=240
  rm -rf "$work"; mkdir -p "$LAB_DIR/git" "$work"
  cp "$SOURCE/seed/README.md" "$work"
  git -C "$work" init -q -b main
  each_app seed_app
  seed_commit alice 'The fleet as it stands'
  each_app seed_passage
  each_app seed_release bob dev
  each_app seed_release carol staging
  each_app seed_release dave prod
  git clone -q --bare "$work" "$REPO.new"
  mv "$REPO.new" "$REPO"; rm -rf "$work"
}

# The tag that all environments ran in the first commit, before anything was released.
first_tag() { [[ $LIVE == [=-] ]] && echo "$PROD" || echo "$LIVE"; }

seed_app() {
  local base=$work/apps/$APP/base env part IMAGE=registry.example.test/shop/$APP REPLICAS=1
  local CPU=${USE%/*} MEMORY=${USE#*/}
  if [[ $LAYOUT == kustomize ]]; then
    mkdir -p "$base"
    printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n' > "$base/kustomization.yaml"
    for part in ${PARTS//,/ }; do
      render "$SOURCE/seed/parts/$part.yaml" > "$base/$part.yaml"
      echo "  - $part.yaml" >> "$base/kustomization.yaml"
    done
  fi
  for env in "${WORKLOAD[@]}"; do seed_environment "$env" "$(first_tag)"; done
}

# seed_environment ENV TAG: what the app is in one environment.
seed_environment() {
  local ENV=$1 TAG=$2 REPLICAS=${REPLICAS_OF[$1]} folder=$work/$(folder_of "$1") part
  local CPU=${USE%/*} MEMORY=${USE#*/} IMAGE=registry.example.test/shop/$APP:$2
  mkdir -p "$folder"
  if [[ $LAYOUT == plain ]]; then
    for part in ${PARTS//,/ }; do render "$SOURCE/seed/parts/$part.yaml" > "$folder/$part.yaml"; done
    return
  fi
  render "$SOURCE/seed/overlay/kustomization.yaml" > "$folder/kustomization.yaml"
  [[ $TAG != slow-* ]] || cat "$SOURCE/seed/overlay/patient.yaml" >> "$folder/kustomization.yaml"
}

# seed_release WHO ENV: a commit that brings the tag of fleet.tsv to one environment, unless it is there.
seed_release() {
  local -A tags=([dev]=$DEV [staging]=$STAGING [prod]=$PROD)
  local tag=${tags[$2]}
  [[ $tag != "$(first_tag)" ]] || return 0
  seed_environment "$2" "$tag"
  seed_commit "$1" "Release $APP $tag to $2"
}

# What staging runs was in dev before dev's own release: each environment is behind by releases that can be counted.
seed_passage() {
  [[ $STAGING != "$(first_tag)" && $STAGING != "$DEV" && $STAGING != *[a-z]* ]] || return 0
  seed_environment dev "$STAGING"
  seed_commit bob "Release $APP $STAGING to dev"
}

seed_commit() {
  local when; when=$(date -d "-$hour hours" +%FT%T%z)
  ((hour -= 6))
  git -C "$work" add -A
  GIT_AUTHOR_DATE=$when GIT_COMMITTER_DATE=$when git -C "$work" -c user.name="$1" -c user.email="$1@quarterdeck.test" commit -q -m "$2"
}

# ---------------------------------------------------------------- Applications

folder_of() { [[ $LAYOUT == plain ]] && echo "apps/$APP/$1" || echo "apps/$APP/overlays/$1"; }

# Applications that do not exist yet come with an operation where prod runs something already: the first commit.
render_applications() {
  local known first
  known=$(kubectl --context mgmt -n argocd get applications -o name)
  first=$(git -C "$REPO" rev-list --max-parents=0 main)
  render "$SOURCE/config/argocd/projects.yaml"
  echo ---
  render "$SOURCE/config/argocd/applicationset.yaml"
  each_app render_application
}

render_application() {
  local ENV SYNC_POLICY FOLDER
  [[ $APP != worker ]] || return 0       # comes from the ApplicationSet
  for ENV in "${WORKLOAD[@]}"; do
    FOLDER=$(folder_of "$ENV") SYNC_POLICY='{syncOptions: [CreateNamespace=true]}'
    [[ ,$AUTO, != *,$ENV,* ]] || SYNC_POLICY='{automated: {prune: true, selfHeal: true}, syncOptions: [CreateNamespace=true]}'
    echo ---
    render "$SOURCE/config/argocd/application.yaml"
    [[ $known == *"/$APP-$ENV"* ]] || ! needs_first_sync "$ENV" || first_operation
  done
}

# needs_first_sync ENV: whether nobody would sync it although it runs something already.
needs_first_sync() { [[ ,$AUTO, != *,$1,* && ! ($1 == prod && $LIVE == -) ]]; }

first_operation() {
  printf 'operation: {initiatedBy: {username: dave@quarterdeck.test}, sync: {revision: %s, syncOptions: [CreateNamespace=true], syncStrategy: {hook: {}}}}\n' "$first"
}

# The worker's prod comes from the ApplicationSet, which has no place for an operation.
sync_worker_first() {
  local name=worker-prod first
  until_ok 30 "Application $name" kubectl --context mgmt -n argocd get application "$name"
  [[ -z $(kubectl --context mgmt -n argocd get application "$name" -o 'jsonpath={.operation}{.status.operationState.phase}') ]] || return 0
  first=$(git -C "$REPO" rev-list --max-parents=0 main)
  kubectl --context mgmt -n argocd patch application "$name" --type=merge --patch-file=<(first_operation) >/dev/null
}

# The Applications that have no reason to be anything but Synced and Healthy.
well_applications() { each_app well_application | sort; }

well_application() {
  [[ $DEV == *[a-z]* ]] || echo "$APP-dev"
  [[ $STAGING == *[a-z]* || ,$AUTO, != *,staging,* ]] || echo "$APP-staging"
  [[ $LIVE != '=' ]] || echo "$APP-prod"
}
