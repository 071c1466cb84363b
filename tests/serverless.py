"""What the CloudFormation template of serverless.yml must say: `serverless.py TEMPLATE`."""

import json
import sys

resources = json.load(open(sys.argv[1], encoding="utf-8"))["Resources"]


def properties(name):
    return resources[name]["Properties"]


def of_type(kind):
    return [name for name, resource in resources.items() if resource["Type"] == kind]


def check(says, holds):
    if not holds:
        sys.exit(f"serverless.yml: not in the template: {says}")


def statements(role):
    [policy] = properties(role)["Policies"]
    return [(s["Action"], s["Resource"]) for s in policy["PolicyDocument"]["Statement"]]


tiles, chunk = properties("TilesLambdaFunction"), properties("ChunkLambdaFunction")
check("two functions", len(of_type("AWS::Lambda::Function")) == 2)
check("told apart by their handlers", (tiles["Handler"], chunk["Handler"]) == ("tiles", "chunk"))
check("of one zip", tiles["Code"] == chunk["Code"] and tiles["Code"]["S3Key"].endswith("/cogwheel-lambda-x86_64.zip"))
for function in (tiles, chunk):
    check("on Amazon Linux 2023", function["Runtime"] == "provided.al2023" and function["Architectures"] == ["x86_64"])
    check("a bound on instances", function["ReservedConcurrentExecutions"] > 0)
    check("no log line for every request", function["LoggingConfig"]["SystemLogLevel"] == "WARN")
    environment = function["Environment"]["Variables"]
    check("configuration from the bucket", environment["COGWHEEL_CONFIG"] == "s3://test-bucket/maps/cogwheel.toml")
check("tiles knows chunk", tiles["Environment"]["Variables"]["COGWHEEL_CHUNK_FUNCTION"] == {"Ref": "ChunkLambdaFunction"})
check("tiles ends before its callers do", int(tiles["Environment"]["Variables"]["COGWHEEL_REQUEST_TIMEOUT_S"]) < tiles["Timeout"] < 30)

log = ["logs:CreateLogStream", "logs:PutLogEvents"]
layers = ("s3:GetObject", {"Fn::Sub": "arn:${AWS::Partition}:s3:::test-bucket/maps/*"})
call_chunk = ("lambda:InvokeFunction", {"Fn::GetAtt": ["ChunkLambdaFunction", "Arn"]})
check("two roles", sorted(of_type("AWS::IAM::Role")) == ["ChunkRole", "TilesRole"])
check("what tiles may do", statements("TilesRole") == [(log, {"Fn::GetAtt": ["TilesLogGroup", "Arn"]}), layers, call_chunk])
check("what chunk may do", statements("ChunkRole") == [(log, {"Fn::GetAtt": ["ChunkLogGroup", "Arn"]}), layers])
for name in of_type("AWS::Logs::LogGroup"):
    check("logs end", properties(name)["RetentionInDays"] == 14)

[url] = of_type("AWS::Lambda::Url")
check("only tiles has an address", properties(url)["TargetFunctionArn"] == {"Fn::GetAtt": ["TilesLambdaFunction", "Arn"]})
check("which asks for a signature", properties(url)["AuthType"] == "AWS_IAM")
permissions = [properties(name) for name in of_type("AWS::Lambda::Permission")]
check("nobody may call chunk from outside", all("Tiles" in json.dumps(p["FunctionName"]) for p in permissions))
cloudfront = {p["Action"]: p for p in permissions if p["Principal"] == "cloudfront.amazonaws.com"}
check("CloudFront has both permissions", set(cloudfront) == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"})
check("and this distribution only", all("${Distribution}" in p["SourceArn"]["Fn::Sub"] for p in cloudfront.values()))
check("everybody else is API Gateway", {p["Principal"] for p in permissions} <= {"cloudfront.amazonaws.com", "apigateway.amazonaws.com"})
check("an HTTP API", properties("HttpApiRouteDefault")["RouteKey"] == "$default")
check("without a stage in its paths", properties("HttpApiStage")["StageName"] == "$default")
check("binary answers", properties("HttpApiIntegrationTiles")["PayloadFormatVersion"] == "2.0")

key = properties("CachePolicy")["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
check("the query in the cache's key", key["QueryStringsConfig"] == {"QueryStringBehavior": "all"})
distribution = properties("Distribution")["DistributionConfig"]
[origin] = distribution["Origins"]
check("origin access control", origin["OriginAccessControlId"] == {"Ref": "OriginAccess"})
for behavior in [distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]]:
    check("the cache policy", behavior["CachePolicyId"] == {"Ref": "CachePolicy"} and behavior["Compress"])
    check("analyses", "POST" in behavior["AllowedMethods"])
