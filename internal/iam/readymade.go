package iam

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"sync"
	"time"

	"github.com/heliograph/heliograph/internal/iam/policy"
)

// awsNamed are the policies that scripts written for AWS attach by name, with
// what of them has a meaning here.
var awsNamed = []struct{ name, description, statements string }{
	{"AdministratorAccess", "Everything", `{"Effect":"Allow","Action":"*","Resource":"*"}`},
	{"AmazonS3FullAccess", "All buckets and objects", `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`},
	{"AmazonS3ReadOnlyAccess", "Reads all buckets and objects", `{"Effect":"Allow","Action":["s3:Get*","s3:List*"],"Resource":"*"}`},
	{"AmazonSageMakerFullAccess", "Training, tuning, transform, models and endpoints with what they need: buckets, logs, and roles for SageMaker",
		`{"Effect":"Allow","Action":["sagemaker:*","s3:*","logs:*","iam:GetRole","iam:ListRoles"],"Resource":"*"},` +
			`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"sagemaker.amazonaws.com"}}}`},
	{"AmazonSageMakerReadOnly", "Sees jobs, models and endpoints", `{"Effect":"Allow","Action":["sagemaker:Describe*","sagemaker:List*","sagemaker:Search"],"Resource":"*"}`},
	{"CloudWatchLogsFullAccess", "All logs", `{"Effect":"Allow","Action":"logs:*","Resource":"*"}`},
	{"CloudWatchLogsReadOnlyAccess", "Reads all logs", `{"Effect":"Allow","Action":["logs:Describe*","logs:Get*","logs:List*","logs:FilterLogEvents"],"Resource":"*"}`},
	{"IAMFullAccess", "All users, groups, roles and policies: whoever has it can have everything", `{"Effect":"Allow","Action":"iam:*","Resource":"*"}`},
	{"IAMReadOnlyAccess", "Sees users, groups, roles and policies", `{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:Simulate*"],"Resource":"*"}`},
	{"AWSLambda_FullAccess", "All functions and who may call them; routes, with the role for functions",
		`{"Effect":"Allow","Action":["lambda:*","iam:GetRole","iam:ListRoles"],"Resource":"*"},` +
			`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}`},
	{"AWSLambda_ReadOnlyAccess", "Sees functions and who may call them", `{"Effect":"Allow","Action":["lambda:Get*","lambda:List*"],"Resource":"*"}`},
	{"service-role/AWSLambdaRole", "Calls all functions", `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*"}`},
	{"service-role/AWSLambdaBasicExecutionRole", "What a function needs to write its log",
		`{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}`},
	{"service-role/HeliographFunctionPolicy", "What built-in functions run with: they ask endpoints, and look which there are",
		`{"Effect":"Allow","Action":"sagemaker:InvokeEndpoint","Resource":"arn:aws:sagemaker:*:*:endpoint/*"},` +
			`{"Effect":"Allow","Action":"sagemaker:ListEndpoints","Resource":"*"}`},
}

// readyMade are the managed policies that come with the product, by ARN: the
// usual roles' and those with AWS's names.
var readyMade = sync.OnceValue(func() map[string]policyRecord {
	all := map[string]policyRecord{}
	add := func(path, name, description, document string) {
		arn := "arn:aws:iam::aws:policy" + path + name
		sum := sha256.Sum256([]byte(arn))
		made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		all[arn] = policyRecord{arn: arn, name: name, updated: made, doc: policyDoc{
			ID: "ANPA" + base32.StdEncoding.EncodeToString(sum[:])[:17], Path: path, Description: description, Created: made, Default: "v1", Next: 2,
			Versions: []policyVersionDoc{{ID: "v1", Document: document, Created: made}},
		}}
	}
	for _, p := range policy.ReadyMade() {
		add("/", p.Name, p.Description, p.Document)
	}
	for _, p := range awsNamed {
		i := strings.LastIndexByte(p.name, '/') + 1
		add("/"+p.name[:i], p.name[i:], p.description, `{"Version":"`+policy.Version2012+`","Statement":[`+p.statements+`]}`)
	}
	for _, p := range policy.ReadyMade() {
		add("/", p.Name, p.Description, p.Document)
	}
	return all
})
