package training

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/blob"
	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/training/trainer"
)

var (
	jobName     = regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$`)
	roleARN     = regexp.MustCompile(`^arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$`)
	s3URI       = regexp.MustCompile(`^(https|s3)://([^/]+)/?(.*)$`)
	imagePath   = regexp.MustCompile(`^[\S]+$`)
	channelName = regexp.MustCompile(`^[A-Za-z0-9\.\-_]+$`)
	blazingText = regexp.MustCompile(`^([^/]+/)*blazingtext(:[\w.\-]+)?(@sha256:[0-9a-f]{64})?$`)
	instance    = regexp.MustCompile(`^ml\.[a-z0-9\-]+\.[a-z0-9\-]+$`)
	gpu         = regexp.MustCompile(`^ml\.[pg]\d`)
)

// validate checks everything about s that can be known without looking at the
// data, and returns its hyperparameters.
func (s *Spec) validate() (settings, error) {
	if err := s.checkMembers(); err != nil {
		return settings{}, err
	}
	if err := s.checkOffered(); err != nil {
		return settings{}, err
	}
	p, err := parseHyperParameters(s.HyperParameters)
	if err != nil {
		return p, err
	}
	if err := s.checkInstances(p); err != nil {
		return p, err
	}
	return p, s.checkChannels(p)
}

// checkMembers holds the request against the service model.
func (s *Spec) checkMembers() error {
	var c jobs.Constraints
	c.Text(s.TrainingJobName, "trainingJobName", 63, jobName)
	c.Text(s.RoleArn, "roleArn", 2048, roleARN)
	if s.RoleArn != "" && len(s.RoleArn) < 20 {
		c.Add(s.RoleArn, "roleArn", "Member must have length greater than or equal to 20")
	}
	c.OptionalText(s.AlgorithmSpecification.TrainingImage, "algorithmSpecification.trainingImage", 255, imagePath)
	c.Enum(s.AlgorithmSpecification.TrainingInputMode, "algorithmSpecification.trainingInputMode", "Pipe", "File", "FastFile")
	c.Text(s.OutputDataConfig.S3OutputPath, "outputDataConfig.s3OutputPath", 1024, s3URI)
	c.OptionalText(s.OutputDataConfig.KmsKeyId, "outputDataConfig.kmsKeyId", 2048, nil)
	c.OptionalEnum(s.OutputDataConfig.CompressionType, "outputDataConfig.compressionType", "GZIP", "NONE")
	s.checkResources(&c)

	c.Count(len(s.HyperParameters), "hyperParameters", 0, 100)
	for _, name := range slices.Sorted(maps.Keys(s.HyperParameters)) {
		c.OptionalText(name, "hyperParameters", 256, nil)
		c.OptionalText(s.HyperParameters[name], "hyperParameters."+jobs.Clip(name, 256)+".member", 2500, nil)
	}
	c.Count(len(s.InputDataConfig), "inputDataConfig", 0, 20)
	for i, channel := range s.InputDataConfig {
		channel.checkMembers(&c, fmt.Sprintf("inputDataConfig.%d.member", i+1))
	}
	c.Count(len(s.Environment), "environment", 0, 100)
	c.Count(len(s.Tags), "tags", 0, 50)
	for i, tag := range s.Tags {
		c.Text(tag.Key, fmt.Sprintf("tags.%d.member.key", i+1), 128, nil)
		c.OptionalText(tag.Value, fmt.Sprintf("tags.%d.member.value", i+1), 256, nil)
	}
	return c.Err()
}

func (s *Spec) checkResources(c *jobs.Constraints) {
	r := s.ResourceConfig
	if len(r.InstanceGroups) == 0 {
		c.AtLeast(r.InstanceCount, "resourceConfig.instanceCount", 1)
		switch {
		case r.InstanceType == "":
			c.Add(nil, "resourceConfig.instanceType", "Member must not be null")
		case len(r.InstanceType) > 64 || !instance.MatchString(r.InstanceType):
			c.Add(r.InstanceType, "resourceConfig.instanceType",
				"Member must satisfy enum value set: [ml.m5.large, ml.m5.xlarge, ml.c5.xlarge, ml.c5.2xlarge, ml.c5.4xlarge, ml.p3.2xlarge, …: any type that begins with ml.]")
		}
	}
	c.AtLeast(r.VolumeSizeInGB, "resourceConfig.volumeSizeInGB", 0)
	if most := s.StoppingCondition.MaxRuntimeInSeconds; most != nil {
		c.AtLeast(*most, "stoppingCondition.maxRuntimeInSeconds", 1)
	}
	if most := s.StoppingCondition.MaxWaitTimeInSeconds; most != nil {
		c.AtLeast(*most, "stoppingCondition.maxWaitTimeInSeconds", 1)
	}
}

func (ch *Channel) checkMembers(c *jobs.Constraints, member string) {
	c.Text(ch.ChannelName, member+".channelName", 64, channelName)
	c.OptionalText(ch.ContentType, member+".contentType", 256, nil)
	c.OptionalEnum(ch.CompressionType, member+".compressionType", "None", "Gzip")
	c.OptionalEnum(ch.RecordWrapperType, member+".recordWrapperType", "None", "RecordIO")
	c.OptionalEnum(ch.InputMode, member+".inputMode", "Pipe", "File", "FastFile")
	if source := ch.DataSource.S3DataSource; source != nil {
		member += ".dataSource.s3DataSource"
		c.Enum(source.S3DataType, member+".s3DataType", "ManifestFile", "S3Prefix", "AugmentedManifestFile")
		c.Text(source.S3Uri, member+".s3Uri", 1024, s3URI)
		c.OptionalEnum(source.S3DataDistributionType, member+".s3DataDistributionType", "FullyReplicated", "ShardedByS3Key")
		c.Count(len(source.AttributeNames), member+".attributeNames", 0, 16)
	}
}

// checkOffered refuses what SageMaker knows and this server doesn't do, so that
// nothing asked for is silently left out.
func (s *Spec) checkOffered() error {
	spec := s.AlgorithmSpecification
	switch image := spec.TrainingImage; {
	case spec.AlgorithmName != "":
		return errs.Invalidf("AlgorithmName is not offered yet. Give a TrainingImage of the repository blazingtext instead.")
	case image == "":
		return errs.Invalidf("You must specify either a TrainingImage or an AlgorithmName in AlgorithmSpecification.")
	case !blazingText.MatchString(image):
		return errs.Invalidf("The training image %q is not offered. This server trains BlazingText: give an image of the repository blazingtext, "+
			"of any registry and tag, for example 811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1.", jobs.Clip(image, 255))
	case len(spec.MetricDefinitions) > 0:
		return errs.Invalidf("You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the request without specifying metric definitions.")
	case len(spec.ContainerEntrypoint)+len(spec.ContainerArguments) > 0:
		return errs.Invalidf("ContainerEntrypoint and ContainerArguments are not possible with BlazingText. Leave them out.")
	}
	resources := s.ResourceConfig
	switch {
	case len(resources.InstanceGroups) > 0:
		return errs.Invalidf("InstanceGroups are not offered. Use InstanceType and InstanceCount.")
	}
	if wait := s.StoppingCondition.MaxWaitTimeInSeconds; s.EnableManagedSpotTraining &&
		(wait == nil || s.StoppingCondition.MaxRuntimeInSeconds != nil && *wait < *s.StoppingCondition.MaxRuntimeInSeconds) {
		return errs.Invalidf("Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds")
	}
	_, key, err := s.artifact()
	if err == nil && len(key) > blob.MaxKeyLength {
		err = errs.Invalidf("The S3OutputPath is too long: with the job's name it makes a key of %d bytes, and %d are possible.", len(key), blob.MaxKeyLength)
	}
	return err
}

// checkInstances holds the machines asked for against what BlazingText's modes run on.
func (s *Spec) checkInstances(p settings) error {
	many, onGPU, batch := s.ResourceConfig.InstanceCount > 1, gpu.MatchString(s.ResourceConfig.InstanceType), p.mode() == trainer.BatchSkipgram
	switch {
	case many && onGPU:
		return errs.Invalidf("Please use a single GPU instance or change to multiple CPU instances.")
	case onGPU && batch:
		return errs.Invalidf("batch_skipgram is not supported on GPU. Please select a CPU instance or use cbow/skipgram")
	case many && !batch:
		return errs.Invalidf("Only batch_skipgram is available when training on multiple CPU instances")
	}
	return nil
}

// artifact is where the model goes: {S3OutputPath}/{TrainingJobName}/output/model.tar.gz,
// or its files under …/output/model/ if they are not to be compressed.
func (s *Spec) artifact() (bucket, key string, err error) {
	bucket, prefix, err := jobs.ParseURI(s.OutputDataConfig.S3OutputPath)
	if prefix = strings.TrimRight(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	name := "model.tar.gz"
	if s.OutputDataConfig.CompressionType == "NONE" {
		name = "model/"
	}
	return bucket, prefix + s.TrainingJobName + "/output/" + name, err
}

// channelsOf says which channels a mode reads, as completes "It reads ….".
func channelsOf(mode string) (names []string, words string) {
	if mode == trainer.Supervised {
		return []string{trainer.Train, trainer.Validation}, "the channels train and, optionally, validation"
	}
	return []string{trainer.Train, trainer.Evaluation}, "the channels train and, optionally, evaluation"
}

// checkChannels holds the channels against what the mode reads.
func (s *Spec) checkChannels(p settings) error {
	seen := map[string]bool{}
	names, words := channelsOf(p.mode())
	for _, ch := range s.InputDataConfig {
		name, source := ch.ChannelName, ch.DataSource.S3DataSource
		switch {
		case seen[name]:
			return errs.Invalidf("The channel name %q is given twice. Channel names must be unique.", name)
		case !slices.Contains(names, name):
			return errs.Invalidf("BlazingText has no channel %q in mode %s. It reads %s.", name, p.mode(), words)
		case source == nil:
			return errs.Invalidf("The channel %q has no S3DataSource; other data sources are not offered.", name)
		}
		if err := ch.checkRecords(p); err != nil {
			return err
		}
		if _, _, err := jobs.ParseURI(source.S3Uri); err != nil {
			return err
		}
		seen[name] = true
	}
	switch {
	case !seen[trainer.Train] && p.mode() == trainer.Supervised:
		return errs.Invalidf("The channel train is missing. Give it in InputDataConfig with the labelled text to learn from.")
	case !seen[trainer.Train]:
		return errs.Invalidf("The channel train is missing. Give it in InputDataConfig with the text to learn from.")
	case p.bool("early_stopping") && p.mode() == trainer.Supervised && !seen[trainer.Validation]:
		return errs.Invalidf("The hyperparameter early_stopping needs the channel validation. Give it in InputDataConfig, or set early_stopping to False.")
	}
	return nil
}

// checkRecords holds how a channel's data is wrapped against what there is.
func (ch *Channel) checkRecords(p settings) error {
	source := ch.DataSource.S3DataSource
	augmented := source.S3DataType == "AugmentedManifestFile"
	switch {
	case augmented && p.mode() != trainer.Supervised:
		return errs.Invalidf("The S3DataType AugmentedManifestFile of the channel %q is only possible in mode supervised.", ch.ChannelName)
	case augmented && len(source.AttributeNames) == 0:
		return errs.Invalidf("The channel %q is an augmented manifest, for which AttributeNames must be given: source and label, in that order.", ch.ChannelName)
	case !augmented && len(source.AttributeNames) > 0:
		return errs.Invalidf("The channel %q has AttributeNames, which are only possible with the S3DataType AugmentedManifestFile.", ch.ChannelName)
	case augmented && ch.CompressionType == "Gzip":
		return errs.Invalidf("The channel %q is an augmented manifest, which can't be compressed. Set CompressionType to None.", ch.ChannelName)
	case !augmented && ch.RecordWrapperType == "RecordIO":
		return errs.Invalidf("The RecordWrapperType RecordIO of the channel %q is only possible with the S3DataType AugmentedManifestFile: BlazingText reads lines of text.", ch.ChannelName)
	}
	return nil
}
