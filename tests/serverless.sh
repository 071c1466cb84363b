#!/usr/bin/env bash
# Serverless Framework accepts serverless.yml: it is packaged in a temporary folder, with a stand-in for the
# zip of the function. Needs node, and npm to bring osls; no AWS account.
set -euo pipefail

# The open fork of Serverless Framework 3, pinned; any 3.x should do.
osls=osls@3.77.1

root=$(cd "$(dirname "$0")/.." && pwd)
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
if ! npx --yes "$osls" package > package.log 2>&1; then
    cat package.log >&2
    echo "serverless.yml: osls package failed" >&2
    exit 1
fi
if grep '^Warning:' package.log >&2; then
    echo "serverless.yml: osls package has warnings" >&2
    exit 1
fi

# What was made is the function that is meant: the binary itself, and both ways in.
template=.serverless/cloudformation-template-update-stack.json
for part in '"Handler": "bootstrap"' '"Runtime": "provided.al2023"' /cogwheel-lambda-x86_64.zip AWS::Lambda::Url '"RouteKey": "$default"'; do
    if ! grep -qF -- "$part" "$template"; then
        echo "serverless.yml: the package has no $part" >&2
        exit 1
    fi
done
echo "serverless.yml: ok"
