#!/usr/bin/env bash
# The classic BlazingText notebook on the DBpedia ontology set, step by step,
# with the aws command. Only the endpoint URL says that this is not AWS.
#
#   AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… ./journey.sh dbpedia.train dbpedia.validation
#
# The files hold a text a line, in lower case with punctuation set apart, behind
# its label: "__label__Artist michael jackson was …". README.md makes them.
set -euo pipefail

train=${1:?usage: journey.sh TRAIN VALIDATION}
validation=${2:?usage: journey.sh TRAIN VALIDATION}
url=${HELIOGRAPH_CONTROL:-http://127.0.0.1:9000}
export AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1} AWS_PAGER=

bucket=${BUCKET:-blazingtext-demo-$RANDOM$RANDOM}
name=blazingtext-$(date -u +%Y-%m-%d-%H-%M-%S)-$RANDOM
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

aws() { command "${AWS:-aws}" --endpoint-url "$url" --output text "$@"; }
step() { printf '\n== %s\n' "$*"; }

step "Who am I, and which role do I use"
aws sts get-caller-identity
role=$(aws iam get-role --role-name SageMakerRole --query Role.Arn)
echo "$role"

step "Make the bucket $bucket and upload the data"
aws s3 mb "s3://$bucket"
aws s3 cp --no-progress "$train" "s3://$bucket/blazingtext/supervised/train/dbpedia.train"
aws s3 cp --no-progress "$validation" "s3://$bucket/blazingtext/supervised/validation/dbpedia.validation"

channel() {
  printf '{"ChannelName":"%s","ContentType":"text/plain","DataSource":{"S3DataSource":{"S3DataType":"S3Prefix","S3DataDistributionType":"FullyReplicated","S3Uri":"s3://%s/blazingtext/supervised/%s"}}}' "$1" "$bucket" "$1"
}

step "Train $name"
aws sagemaker create-training-job \
  --training-job-name "$name" \
  --role-arn "$role" \
  --algorithm-specification "TrainingImage=811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1,TrainingInputMode=File" \
  --hyper-parameters 'mode=supervised,epochs=10,min_count=2,learning_rate=0.05,vector_dim=10,early_stopping=True,patience=4,min_epochs=5,word_ngrams=2' \
  --input-data-config "[$(channel train),$(channel validation)]" \
  --output-data-config "S3OutputPath=s3://$bucket/blazingtext/supervised/output" \
  --resource-config 'InstanceType=ml.c4.4xlarge,InstanceCount=1,VolumeSizeInGB=30' \
  --stopping-condition MaxRuntimeInSeconds=360000

status=InProgress
while [ "$status" = InProgress ]; do # the CLI's own waiter would look every two minutes
  sleep 0.5
  status=$(aws sagemaker describe-training-job --training-job-name "$name" --query TrainingJobStatus)
done
aws sagemaker describe-training-job --training-job-name "$name" \
  --query '[TrainingJobStatus, TrainingTimeInSeconds, FailureReason]'
[ "$status" = Completed ]

step "Read the training log"
stream=$(aws logs describe-log-streams --log-group-name /aws/sagemaker/TrainingJobs \
  --log-stream-name-prefix "$name/" --query 'logStreams[0].logStreamName')
aws logs get-log-events --log-group-name /aws/sagemaker/TrainingJobs --log-stream-name "$stream" \
  --start-from-head --query 'events[].[message]'

step "Look at the model"
model=$(aws sagemaker describe-training-job --training-job-name "$name" --query ModelArtifacts.S3ModelArtifacts)
aws s3 cp --no-progress "$model" "$work/model.tar.gz"
tar -tzvf "$work/model.tar.gz"

step "Deploy it"
aws sagemaker create-model --model-name "$name" --execution-role-arn "$role" \
  --primary-container "Image=811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1,ModelDataUrl=$model"
aws sagemaker create-endpoint-config --endpoint-config-name "$name" \
  --production-variants "VariantName=AllTraffic,ModelName=$name,InitialInstanceCount=1,InstanceType=ml.m4.xlarge,InitialVariantWeight=1"
aws sagemaker create-endpoint --endpoint-name "$name" --endpoint-config-name "$name"
aws sagemaker wait endpoint-in-service --endpoint-name "$name"

step "Ask it for the two likeliest classes"
printf '%s' '{"instances": ["a family owned company that builds engines for small aircraft and sells them to flying clubs .", "a secondary school for girls in the north of the city , founded in 1911 ."], "configuration": {"k": 2}}' >"$work/request.json"
aws sagemaker-runtime invoke-endpoint --endpoint-name "$name" --content-type application/json \
  --body "fileb://$work/request.json" "$work/answer.json"
cat "$work/answer.json"
echo

step "Clean up"
aws sagemaker delete-endpoint --endpoint-name "$name"
aws sagemaker delete-endpoint-config --endpoint-config-name "$name"
aws sagemaker delete-model --model-name "$name"
if [ -z "${KEEP:-}" ]; then aws s3 rb --force "s3://$bucket"; fi
