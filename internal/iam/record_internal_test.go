package iam

import "testing"

func TestWhatWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]bool{
		"sagemaker:CreateModel": true, "sagemaker:DeleteEndpoint": true, "sagemaker:AddTags": true, "iam:PassRole": true, "iam:PutUserPolicy": true,
		"sts:AssumeRole": true, "s3:CreateBucket": true, "s3:PutBucketPolicy": true, "s3:DeleteBucket": true, "apigateway:PUT": true, "cloudwatch:PutMetricAlarm": true,
		"lambda:AddPermission": true, "lambda:RemovePermission": true,

		"sagemaker:InvokeEndpoint": false, "sagemaker:InvokeEndpointAsync": false, "sagemaker:DescribeModel": false, "sagemaker:ListModels": false,
		"sagemaker:Search": false, "lambda:InvokeFunction": false, "lambda:GetPolicy": false, "iam:GetUser": false, "iam:SimulatePrincipalPolicy": false, "s3:GetObject": false, "s3:PutObject": false, "s3:DeleteObject": false,
		"s3:ListBucket": false, "s3:GetBucketPolicy": false, "s3:ListAllMyBuckets": false, "apigateway:GET": false, "execute-api:Invoke": false,
		"logs:GetLogEvents": false, "cloudwatch:PutMetricData": false, "heliograph:ListAuditEntries": false,
	} {
		if got := durable(action); got != want {
			t.Errorf("%s: %v", action, got)
		}
	}
}
