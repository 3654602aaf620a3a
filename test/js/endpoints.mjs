// The life of endpoints with the AWS SDK for JavaScript: deploy, invoke, update,
// weights, asynchronous inference, data capture, delete. It takes the path of a
// fastText model that knows the labels __label__red and __label__blue, and prints
// "ok" at the end; HELIOGRAPH_CONTROL is the server.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client, waitUntilObjectExists } from '@aws-sdk/client-s3'
import {
  CreateEndpointCommand, CreateEndpointConfigCommand, CreateModelCommand, DeleteEndpointCommand, DeleteEndpointConfigCommand, DeleteModelCommand,
  DescribeEndpointCommand, DescribeEndpointConfigCommand, ListEndpointsCommand, SageMakerClient, UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand, waitUntilEndpointDeleted, waitUntilEndpointInService,
} from '@aws-sdk/client-sagemaker'
import { InvokeEndpointAsyncCommand, InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime'

const endpoint = process.env.HELIOGRAPH_CONTROL
const s3 = new S3Client({ endpoint, forcePathStyle: true })
const maker = new SageMakerClient({ endpoint })
const runtime = new SageMakerRuntimeClient({ endpoint })
const image = '811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1'
const role = 'arn:aws:iam::000000000000:role/SageMakerRole'
const bucket = 'javascript'
const name = 'JavaScript-1'

const soon = { client: maker, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }
const inService = async (EndpointName) => {
  const { state } = await waitUntilEndpointInService(soon, { EndpointName })
  assert.equal(state, 'SUCCESS')
  return maker.send(new DescribeEndpointCommand({ EndpointName }))
}
const text = (body) => new TextDecoder().decode(body)
const variant = (VariantName, InitialVariantWeight) => ({ VariantName, ModelName: name, InitialInstanceCount: 1, InstanceType: 'ml.m5.large', InitialVariantWeight })

await s3.send(new CreateBucketCommand({ Bucket: bucket }))
await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'model.bin', Body: await readFile(process.argv[2]) }))
await maker.send(new CreateModelCommand({ ModelName: name, ExecutionRoleArn: role, PrimaryContainer: { Image: image, ModelDataUrl: `s3://${bucket}/model.bin` } }))
await maker.send(new CreateEndpointConfigCommand({ EndpointConfigName: name, ProductionVariants: [variant('AllTraffic', 1)] }))
const created = await maker.send(new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: name }))
assert.equal(created.EndpointArn, 'arn:aws:sagemaker:us-east-1:000000000000:endpoint/javascript-1')
assert.equal((await inService(name)).ProductionVariants[0].CurrentInstanceCount, 1)

const invoke = (more = {}) => runtime.send(new InvokeEndpointCommand({
  EndpointName: name, ContentType: 'application/json', Body: JSON.stringify({ instances: ['red', 'blue'], configuration: { k: 1 } }), ...more,
}))
const answer = await invoke()
assert.equal(answer.InvokedProductionVariant, 'AllTraffic')
assert.equal(answer.ContentType, 'application/json')
assert.deepEqual(JSON.parse(text(answer.Body)).map((one) => one.label), [['__label__red'], ['__label__blue']])
const fault = await invoke({ ContentType: 'text/csv' }).catch((e) => e)
assert.equal(fault.name, 'ModelError')
assert.equal(fault.OriginalStatusCode, 415)
assert.equal(fault.$metadata.httpStatusCode, 424)
assert.equal((await invoke({ EndpointName: 'gone' }).catch((e) => e)).name, 'ValidationError')

// Two variants, data capture, and a canary on the way there.
await maker.send(new CreateEndpointConfigCommand({
  EndpointConfigName: 'two', ProductionVariants: [variant('first', 1), variant('second', 0)],
  DataCaptureConfig: {
    EnableCapture: true, InitialSamplingPercentage: 100, DestinationS3Uri: `s3://${bucket}/captured`,
    CaptureOptions: [{ CaptureMode: 'InputAndOutput' }], CaptureContentTypeHeader: { JsonContentTypes: ['application/json'] },
  },
}))
await maker.send(new UpdateEndpointCommand({
  EndpointName: name, EndpointConfigName: 'two',
  DeploymentConfig: { BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: { Type: 'CANARY', WaitIntervalInSeconds: 1, CanarySize: { Type: 'CAPACITY_PERCENT', Value: 50 } } } },
}))
const during = await maker.send(new DescribeEndpointCommand({ EndpointName: name }))
assert.equal(during.EndpointStatus, 'Updating')
assert.equal(during.PendingDeploymentSummary.EndpointConfigName, 'two')
const updated = await inService(name)
assert.equal(updated.EndpointConfigName, 'two')
assert.equal(updated.DataCaptureConfig.CaptureStatus, 'Started')
assert.equal((await invoke()).InvokedProductionVariant, 'first')
assert.equal((await invoke({ TargetVariant: 'second', InferenceId: 'mine' })).InvokedProductionVariant, 'second')
await maker.send(new UpdateEndpointWeightsAndCapacitiesCommand({
  EndpointName: name, DesiredWeightsAndCapacities: [{ VariantName: 'first', DesiredWeight: 0 }, { VariantName: 'second', DesiredWeight: 1, DesiredInstanceCount: 3 }],
}))
assert.equal((await inService(name)).ProductionVariants[1].CurrentInstanceCount, 3)
assert.equal((await invoke()).InvokedProductionVariant, 'second')
let captured = []
for (let tries = 0; captured.length < 2 && tries < 60; tries++) {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `captured/${name}/second/` }))
  captured = []
  for (const { Key } of Contents) {
    assert.match(Key, /\/\d{4}\/\d\d\/\d\d\/\d\d\/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl$/)
    const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))
    captured.push(...(await object.Body.transformToString()).trim().split('\n').map((line) => JSON.parse(line)))
  }
  if (captured.length < 2) await sleep(250)
}
assert.equal(captured.length, 2)
assert.equal(captured[0].eventMetadata.inferenceId, 'mine')
assert.equal(JSON.parse(captured[0].captureData.endpointInput.data).instances[0], 'red')
assert.equal(captured[0].captureData.endpointOutput.encoding, 'JSON')

// An endpoint that answers into objects.
await maker.send(new CreateEndpointConfigCommand({
  EndpointConfigName: 'later', ProductionVariants: [variant('AllTraffic', 1)],
  AsyncInferenceConfig: { ClientConfig: { MaxConcurrentInvocationsPerInstance: 2 }, OutputConfig: { S3OutputPath: `s3://${bucket}/out`, S3FailurePath: `s3://${bucket}/failed` } },
}))
assert.equal((await maker.send(new DescribeEndpointConfigCommand({ EndpointConfigName: 'later' }))).AsyncInferenceConfig.OutputConfig.S3OutputPath, `s3://${bucket}/out`)
await maker.send(new CreateEndpointCommand({ EndpointName: 'later', EndpointConfigName: 'later' }))
await inService('later')
await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'in.jsonl', Body: '{"source": "red"}\n{"source": "blue"}\n' }))
const later = (more) => runtime.send(new InvokeEndpointAsyncCommand({ EndpointName: 'later', InputLocation: `s3://${bucket}/in.jsonl`, ContentType: 'application/jsonlines', ...more }))
const object = async (location) => {
  const Key = location.replace(`s3://${bucket}/`, '')
  await waitUntilObjectExists({ client: s3, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { Bucket: bucket, Key })
  return (await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))).Body.transformToString()
}
const accepted = await later({ InferenceId: 'id-7' })
assert.equal(accepted.InferenceId, 'id-7')
assert.equal(accepted.$metadata.httpStatusCode, 202)
assert.match(await object(accepted.OutputLocation), /"__label__red"(.|\n)*"__label__blue"/)
assert.match(await object((await later({ ContentType: 'text/csv' })).FailureLocation), /content-type text\/csv not supported/)

const { Endpoints } = await maker.send(new ListEndpointsCommand({ SortBy: 'Name', SortOrder: 'Ascending', StatusEquals: 'InService' }))
assert.deepEqual(Endpoints.map((e) => e.EndpointName), [name, 'later'])
for (const EndpointName of [name, 'later']) {
  await maker.send(new DeleteEndpointCommand({ EndpointName }))
  assert.equal((await waitUntilEndpointDeleted(soon, { EndpointName })).state, 'SUCCESS')
}
for (const EndpointConfigName of [name, 'two', 'later']) await maker.send(new DeleteEndpointConfigCommand({ EndpointConfigName }))
await maker.send(new DeleteModelCommand({ ModelName: name }))
console.log('ok')
