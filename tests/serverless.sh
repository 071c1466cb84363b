#!/usr/bin/env bash
# Serverless Framework accepts serverless.yml, cfn-lint the CloudFormation template that it makes, and the template says
# what is meant (serverless.py). It is packaged in a temporary folder, with a stand-in for the zip of the functions.
# Needs python3, node, and npm to bring osls; no AWS account.
set -euo pipefail

# The open fork of Serverless Framework 3, pinned; any 3.x should do.
osls=osls@3.77.1
cfn_lint=cfn-lint==1.58.0

root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/target/serverless/$cfn_lint
if [ ! -e "$venv/installed" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$cfn_lint"
    touch "$venv/installed"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root/serverless.yml" "$work"
mkdir "$work/dist"
{ printf 'PK\005\006' && head -c 18 /dev/zero; } > "$work/dist/cogwheel-lambda-x86_64.zip" # an empty zip

cd "$work"
# Quiet, without questions, and without credentials even where there are some.
export CI=1 SLS_TELEMETRY_DISABLED=1 SLS_NOTIFICATIONS_MODE=off NO_COLOR=1
unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
if ! npx --yes "$osls" package --param="bucket=test-bucket" --param="prefix=maps/" > package.log 2>&1; then
    cat package.log >&2
    echo "serverless.yml: osls package failed" >&2
    exit 1
fi
if grep '^Warning:' package.log >&2; then
    echo "serverless.yml: osls package has warnings" >&2
    exit 1
fi

template=.serverless/cloudformation-template-update-stack.json
# W3005: the framework itself writes DependsOn where a reference would do.
"$venv/bin/cfn-lint" --ignore-checks W3005 --regions us-east-1 eu-central-1 --template "$template"
"$venv/bin/python" "$root/tests/serverless.py" "$template"
echo "serverless.yml: ok"
