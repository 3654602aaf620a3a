package transform

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
)

var (
	jobName      = regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$`)
	modelName    = regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9])*$`)
	s3URI        = regexp.MustCompile(`^(https|s3)://([^/]+)/?(.*)$`)
	variableName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	instance     = regexp.MustCompile(`^ml\.[a-z0-9\-]+\.[a-z0-9\-]+$`)
)

// Sizes of a payload in MB, as SageMaker has them.
const (
	defaultPayloadMB = 6
	maxPayloadMB     = 100
)

// The content types that the models read, and in which records can be filtered
// and joined.
const (
	typeJSON  = "application/json"
	typeLines = "application/jsonlines"
	typeText  = "text/plain"
)

func mediaType(contentType string) string {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(mediaType))
}

// setDefaults fills in what SageMaker shows of members that were left out.
func (s *Spec) setDefaults() {
	set := func(member *string, value string) {
		if *member == "" {
			*member = value
		}
	}
	set(&s.TransformInput.CompressionType, "None")
	set(&s.TransformInput.SplitType, "None")
	set(&s.TransformOutput.AssembleWith, "None")
	if s.DataProcessing == nil {
		s.DataProcessing = &DataProcessing{}
	}
	set(&s.DataProcessing.InputFilter, "$")
	set(&s.DataProcessing.OutputFilter, "$")
	set(&s.DataProcessing.JoinSource, "None")
}

// validate checks everything about s, whose defaults are set, that can be known
// without looking at model and data.
func (s *Spec) validate() error {
	if err := s.checkMembers(); err != nil {
		return err
	}
	return s.checkOffered()
}

// checkMembers holds the request against the service model.
func (s *Spec) checkMembers() error {
	var c jobs.Constraints
	c.Text(s.TransformJobName, "transformJobName", 63, jobName)
	c.Text(s.ModelName, "modelName", 63, modelName)
	c.Within(s.MaxConcurrentTransforms, "maxConcurrentTransforms", 0, math.MaxInt)
	c.Within(s.MaxPayloadInMB, "maxPayloadInMB", 0, math.MaxInt)
	if client := s.ModelClientConfig; client != nil {
		c.Within(client.InvocationsTimeoutInSeconds, "modelClientConfig.invocationsTimeoutInSeconds", 1, 3600)
		c.Within(client.InvocationsMaxRetries, "modelClientConfig.invocationsMaxRetries", 0, 3)
	}
	c.OptionalEnum(s.BatchStrategy, "batchStrategy", "MultiRecord", "SingleRecord")
	c.Count(len(s.Environment), "environment", 0, 16)
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		c.OptionalText(name, "environment", 1024, variableName)
		c.OptionalText(s.Environment[name], "environment."+jobs.Clip(name, 100)+".member", 10240, nil)
	}
	in, out := s.TransformInput, s.TransformOutput
	if source := in.DataSource.S3DataSource; source == nil {
		c.Add(nil, "transformInput.dataSource.s3DataSource", "Member must not be null")
	} else {
		c.Enum(source.S3DataType, "transformInput.dataSource.s3DataSource.s3DataType", "ManifestFile", "S3Prefix", "AugmentedManifestFile")
		c.Text(source.S3Uri, "transformInput.dataSource.s3DataSource.s3Uri", 1024, s3URI)
	}
	c.OptionalText(in.ContentType, "transformInput.contentType", 256, nil)
	c.Enum(in.CompressionType, "transformInput.compressionType", "None", "Gzip")
	c.Enum(in.SplitType, "transformInput.splitType", "None", "Line", "RecordIO", "TFRecord")
	c.Text(out.S3OutputPath, "transformOutput.s3OutputPath", 1024, s3URI)
	c.OptionalText(out.Accept, "transformOutput.accept", 256, nil)
	c.Enum(out.AssembleWith, "transformOutput.assembleWith", "None", "Line")
	c.OptionalText(out.KmsKeyId, "transformOutput.kmsKeyId", 2048, nil)
	switch kind := s.TransformResources.InstanceType; {
	case kind == "":
		c.Add(nil, "transformResources.instanceType", "Member must not be null")
	case len(kind) > 64 || !instance.MatchString(kind):
		c.Add(kind, "transformResources.instanceType", "Member must satisfy enum value set: [ml.m4.xlarge, ml.m5.large, ml.c5.xlarge, …: any type that begins with ml.]")
	}
	c.Within(&s.TransformResources.InstanceCount, "transformResources.instanceCount", 1, math.MaxInt)
	c.OptionalText(s.DataProcessing.InputFilter, "dataProcessing.inputFilter", 63, nil)
	c.OptionalText(s.DataProcessing.OutputFilter, "dataProcessing.outputFilter", 63, nil)
	c.Enum(s.DataProcessing.JoinSource, "dataProcessing.joinSource", "Input", "None")
	c.Count(len(s.Tags), "tags", 0, 50)
	for i, tag := range s.Tags {
		c.Text(tag.Key, fmt.Sprintf("tags.%d.member.key", i+1), 128, nil)
		c.OptionalText(tag.Value, fmt.Sprintf("tags.%d.member.value", i+1), 256, nil)
	}
	return c.Err()
}

// checkOffered refuses what can't be, and what SageMaker knows and this server
// doesn't do, so that nothing asked for is silently left out.
func (s *Spec) checkOffered() error {
	in := s.TransformInput
	switch payload := s.maxPayload() >> 20; {
	case payload > maxPayloadMB:
		return errs.Invalidf("MaxPayloadInMB is %d. It cannot be greater than %d.", payload, maxPayloadMB)
	case s.MaxConcurrentTransforms != nil && s.MaxPayloadInMB != nil && *s.MaxConcurrentTransforms**s.MaxPayloadInMB > maxPayloadMB,
		s.MaxConcurrentTransforms != nil && *s.MaxConcurrentTransforms > 10_000:
		return errs.Invalidf("MaxConcurrentTransforms * MaxPayloadInMB cannot exceed %d MB; choose a smaller MaxConcurrentTransforms, or leave it out.", maxPayloadMB)
	case in.DataSource.S3DataSource.S3DataType == "AugmentedManifestFile":
		return errs.Invalidf("The S3DataType AugmentedManifestFile is not possible with transform jobs. Use S3Prefix or ManifestFile.")
	case in.SplitType == "RecordIO" || in.SplitType == "TFRecord":
		return errs.Invalidf("The SplitType %s is not offered, as BlazingText reads no such records. Use Line or None.", in.SplitType)
	case len(s.DataCaptureConfig) > 0 && string(s.DataCaptureConfig) != "null":
		return errs.Invalidf("DataCaptureConfig is not offered for transform jobs: input and output are in your bucket already. Leave it out.")
	case s.BatchStrategy == "SingleRecord" && in.SplitType == "None":
		return errs.Invalidf("The BatchStrategy SingleRecord needs records: set SplitType to Line.")
	}
	if _, err := newProcessing(*s.DataProcessing, s.contentType()); err != nil {
		return err
	}
	if _, _, err := jobs.ParseURI(in.DataSource.S3DataSource.S3Uri); err != nil {
		return err
	}
	_, _, err := jobs.ParseURI(s.TransformOutput.S3OutputPath)
	return err
}
