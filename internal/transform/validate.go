package transform

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
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
	var c constraints
	c.text(s.TransformJobName, "transformJobName", 63, jobName)
	c.text(s.ModelName, "modelName", 63, modelName)
	c.between(s.MaxConcurrentTransforms, "maxConcurrentTransforms", 0, 0)
	c.between(s.MaxPayloadInMB, "maxPayloadInMB", 0, 0)
	if client := s.ModelClientConfig; client != nil {
		c.between(client.InvocationsTimeoutInSeconds, "modelClientConfig.invocationsTimeoutInSeconds", 1, 3600)
		c.between(client.InvocationsMaxRetries, "modelClientConfig.invocationsMaxRetries", 0, 3)
	}
	c.enum(s.BatchStrategy, "batchStrategy", "MultiRecord", "SingleRecord", "")
	c.count(len(s.Environment), "environment", 16)
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		c.optional(name, "environment", 1024, variableName)
		c.optional(s.Environment[name], "environment."+clip(name, 100)+".member", 10240, nil)
	}
	in, out := s.TransformInput, s.TransformOutput
	if source := in.DataSource.S3DataSource; source == nil {
		c.add(nil, "transformInput.dataSource.s3DataSource", "Member must not be null")
	} else {
		c.enum(source.S3DataType, "transformInput.dataSource.s3DataSource.s3DataType", "ManifestFile", "S3Prefix", "AugmentedManifestFile")
		c.text(source.S3Uri, "transformInput.dataSource.s3DataSource.s3Uri", 1024, s3URI)
	}
	c.optional(in.ContentType, "transformInput.contentType", 256, nil)
	c.enum(in.CompressionType, "transformInput.compressionType", "None", "Gzip")
	c.enum(in.SplitType, "transformInput.splitType", "None", "Line", "RecordIO", "TFRecord")
	c.text(out.S3OutputPath, "transformOutput.s3OutputPath", 1024, s3URI)
	c.optional(out.Accept, "transformOutput.accept", 256, nil)
	c.enum(out.AssembleWith, "transformOutput.assembleWith", "None", "Line")
	c.optional(out.KmsKeyId, "transformOutput.kmsKeyId", 2048, nil)
	switch kind := s.TransformResources.InstanceType; {
	case kind == "":
		c.add(nil, "transformResources.instanceType", "Member must not be null")
	case len(kind) > 64 || !instance.MatchString(kind):
		c.add(kind, "transformResources.instanceType", "Member must satisfy enum value set: [ml.m4.xlarge, ml.m5.large, ml.c5.xlarge, …: any type that begins with ml.]")
	}
	c.between(&s.TransformResources.InstanceCount, "transformResources.instanceCount", 1, 0)
	c.optional(s.DataProcessing.InputFilter, "dataProcessing.inputFilter", 63, nil)
	c.optional(s.DataProcessing.OutputFilter, "dataProcessing.outputFilter", 63, nil)
	c.enum(s.DataProcessing.JoinSource, "dataProcessing.joinSource", "Input", "None")
	c.count(len(s.Tags), "tags", 50)
	for i, tag := range s.Tags {
		c.text(tag.Key, fmt.Sprintf("tags.%d.member.key", i+1), 128, nil)
		c.optional(tag.Value, fmt.Sprintf("tags.%d.member.value", i+1), 256, nil)
	}
	return c.err()
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
	if _, _, err := parseURI(in.DataSource.S3DataSource.S3Uri); err != nil {
		return err
	}
	_, _, err := parseURI(s.TransformOutput.S3OutputPath)
	return err
}

// parseURI splits s3://bucket/key. The key may be empty.
func parseURI(uri string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	if !ok {
		return "", "", errs.Invalidf("The address %q is not offered. Use the form s3://bucket/key.", clip(uri, 200))
	}
	bucket, key, _ = strings.Cut(rest, "/")
	return bucket, key, nil
}

// constraints collects the members of a request that break a rule of
// SageMaker's service model, in the service's own words.
type constraints struct{ broken []string }

func (c *constraints) add(value any, member, rule string) {
	shown := "null"
	if value != nil {
		shown = fmt.Sprintf("'%s'", clip(fmt.Sprint(value), 200))
	}
	c.broken = append(c.broken, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", shown, member, rule))
}

func (c *constraints) err() error {
	switch n := len(c.broken); n {
	case 0:
		return nil
	case 1:
		return errs.Invalidf("1 validation error detected: %s", c.broken[0])
	default:
		return errs.Invalidf("%d validation errors detected: %s", n, strings.Join(c.broken[:min(n, 10)], "; "))
	}
}

// text checks a member that must be there.
func (c *constraints) text(value, member string, most int, pattern *regexp.Regexp) {
	if value == "" {
		c.add(nil, member, "Member must not be null")
		return
	}
	c.optional(value, member, most, pattern)
}

func (c *constraints) optional(value, member string, most int, pattern *regexp.Regexp) {
	switch {
	case len(value) > most:
		c.add(value, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	case value != "" && pattern != nil && !pattern.MatchString(value):
		shown := strings.TrimSuffix(strings.TrimPrefix(pattern.String(), "^"), "$")
		c.add(value, member, "Member must satisfy regular expression pattern: "+shown)
	}
}

// enum checks a member against its values; "" must be one of them to be allowed.
func (c *constraints) enum(value, member string, values ...string) {
	if slices.Contains(values, value) {
		return
	}
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	if value == "" {
		c.add(nil, member, "Member must not be null")
		return
	}
	c.add(value, member, "Member must satisfy enum value set: ["+strings.Join(values, ", ")+"]")
}

// between checks a number that was given; most is 0 if there is no upper bound.
func (c *constraints) between(value *int, member string, least, most int) {
	switch {
	case value == nil:
	case *value < least:
		c.add(*value, member, fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case most > 0 && *value > most:
		c.add(*value, member, fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

func (c *constraints) count(n int, member string, most int) {
	if n > most {
		c.add(n, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
}

// clip shortens a value that the caller sent for showing it.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
