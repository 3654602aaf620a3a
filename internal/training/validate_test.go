package training_test

import (
	"strings"
	"testing"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/store"
	"github.com/heliograph/heliograph/internal/training"
)

// TestRefusedAtOnce has one case for each thing that Create refuses, with its message.
func TestRefusedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *training.Options) { o.MaxMemoryBytes = 1 << 30 })
	h.put("train", text(10, 1))
	parameter := func(name, value string) func(*training.Spec) {
		return func(s *training.Spec) { s.HyperParameters[name] = value }
	}
	source := func(change func(*training.Channel)) func(*training.Spec) {
		return func(s *training.Spec) { change(&s.InputDataConfig[0]) }
	}
	for _, c := range []struct {
		name   string
		change func(*training.Spec)
		want   string // the message, or its beginning if it ends in …
	}{
		{"no name", func(s *training.Spec) { s.TrainingJobName = "" },
			"1 validation error detected: Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null"},
		{"bad name", func(s *training.Spec) { s.TrainingJobName = "a_b" },
			"1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"},
		{"long name", func(s *training.Spec) { s.TrainingJobName = strings.Repeat("a", 64) },
			"1 validation error detected: Value '" + strings.Repeat("a", 64) + "' at 'trainingJobName' failed to satisfy constraint: Member must have length less than or equal to 63"},
		{"bad role", func(s *training.Spec) { s.RoleArn = "SageMakerRole-for-everyone" },
			"1 validation error detected: Value 'SageMakerRole-for-everyone' at 'roleArn' failed to satisfy constraint: Member must satisfy regular expression pattern: …"},
		{"two at once", func(s *training.Spec) { s.TrainingJobName, s.ResourceConfig.InstanceCount = "-", 0 },
			"2 validation errors detected: Value '-' at 'trainingJobName' failed to satisfy constraint: …"},
		{"local instance", func(s *training.Spec) { s.ResourceConfig.InstanceType = "local" },
			"1 validation error detected: Value 'local' at 'resourceConfig.instanceType' failed to satisfy constraint: Member must satisfy enum value set: [ml.m5.large, …"},
		{"input mode", func(s *training.Spec) { s.AlgorithmSpecification.TrainingInputMode = "Stream" },
			"1 validation error detected: Value 'Stream' at 'algorithmSpecification.trainingInputMode' failed to satisfy constraint: Member must satisfy enum value set: [Pipe, File, FastFile]"},
		{"no runtime", func(s *training.Spec) { s.StoppingCondition.MaxRuntimeInSeconds = new(0) },
			"1 validation error detected: Value '0' at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"many tags", func(s *training.Spec) { s.Tags = make([]training.Tag, 51) },
			"52 validation errors detected: Value '51' at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50; …"},
		{"output path", func(s *training.Spec) { s.OutputDataConfig.S3OutputPath = "/tmp/out" },
			"1 validation error detected: Value '/tmp/out' at 'outputDataConfig.s3OutputPath' failed to satisfy constraint: Member must satisfy regular expression pattern: (https|s3)://([^/]+)/?(.*)"},
		{"output path over https", func(s *training.Spec) { s.OutputDataConfig.S3OutputPath = "https://data/out" },
			`The address "https://data/out" is not offered. Use the form s3://bucket/key.`},
		{"output key too long", func(s *training.Spec) { s.OutputDataConfig.S3OutputPath = "s3://data/" + strings.Repeat("k", 1010) },
			"The S3OutputPath is too long: …"},
		{"output bucket", func(s *training.Spec) { s.OutputDataConfig.S3OutputPath = "s3://elsewhere/out" },
			`The S3 bucket "elsewhere" given in output data config does not exist. Create it, or give another S3OutputPath. Error message from S3: The specified bucket does not exist…`},
		{"input bucket", source(func(c *training.Channel) { c.DataSource.S3DataSource.S3Uri = "s3://elsewhere/train" }),
			`No S3 objects found under S3 URL "s3://elsewhere/train" given in input data source. Please ensure that the bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that the role "` +
				role + `" has "s3:ListBucket" permissions on bucket "elsewhere". Error message from S3: The specified bucket does not exist…`},
		{"nothing under the prefix", source(func(c *training.Channel) { c.DataSource.S3DataSource.S3Uri = "s3://data/nothing" }),
			`No S3 objects found under S3 URL "s3://data/nothing" given in input data source. Please ensure that the bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that the role "` +
				role + `" has "s3:ListBucket" permissions on bucket "data".`},
		{"another image", func(s *training.Spec) {
			s.AlgorithmSpecification.TrainingImage = "1.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"
		},
			`The training image "1.dkr.ecr.us-east-1.amazonaws.com/xgboost:1" is not offered. This server trains BlazingText: …`},
		{"nearly the image", func(s *training.Spec) { s.AlgorithmSpecification.TrainingImage = "notblazingtext:1" },
			`The training image "notblazingtext:1" is not offered. …`},
		{"metric definitions", func(s *training.Spec) {
			s.AlgorithmSpecification.MetricDefinitions = []training.MetricDefinition{{Name: "a", Regex: "b"}}
		}, "You can't override the metric definitions for Amazon SageMaker algorithms. Please retry the request without specifying metric definitions."},
		{"two machines", func(s *training.Spec) { s.ResourceConfig.InstanceCount = 2 },
			"Only batch_skipgram is available when training on multiple CPU instances"},
		{"two GPU machines", func(s *training.Spec) {
			s.ResourceConfig.InstanceCount, s.ResourceConfig.InstanceType = 2, "ml.p3.2xlarge"
		}, "Please use a single GPU instance or change to multiple CPU instances."},
		{"spot without a wait", func(s *training.Spec) { s.EnableManagedSpotTraining = true },
			"Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"},

		{"no mode", func(s *training.Spec) { delete(s.HyperParameters, "mode") },
			`Please provide a mode in hyperparameters. It should be one of ["skipgram", "cbow", "batch_skipgram", "supervised"]`},
		{"bad mode", parameter("mode", "sup"), `mode should be one of ["skipgram", "cbow", "batch_skipgram", "supervised"]`},
		{"unknown", parameter("epoch", "5"), "Additional hyperparameters are not allowed ('epoch' was unexpected). In mode supervised there are: mode, buckets, early_stopping, epochs, …"},
		{"not an integer", parameter("epochs", "five"), "Parameter epochs expects integer input."},
		{"a fraction", parameter("epochs", "5.5"), "Parameter epochs expects integer input."},
		{"nothing", parameter("epochs", ""), "Parameter epochs expects integer input."},
		{"huge", parameter("epochs", "99999999999"), "Parameter epochs expects integer input."},
		{"not a float", parameter("learning_rate", "fast"), "Parameter learning_rate expects float input."},
		{"not a number", parameter("learning_rate", "NaN"), "Parameter learning_rate expects float input."},
		{"not a boolean", parameter("early_stopping", "yes"), "Parameter early_stopping expects boolean input: True or False."},
		{"zero", parameter("epochs", "0"), "Parameter 'epochs' should be > 0."},
		{"negative", parameter("min_count", "-1"), "Parameter 'min_count' should be >= 0."},
		{"zero rate", parameter("learning_rate", "0"), "Parameter 'learning_rate' should be > 0."},
		{"dimensions", parameter("vector_dim", "2049"), "Parameter 'vector_dim' should be <= 2048."},
		{"of another mode", parameter("sampling_threshold", "1"), "Parameter 'sampling_threshold' should be between (0,1)."},
		{"batch", parameter("batch_size", "33"), "Parameter 'batch_size' should be <= 32."},
		{"loss", parameter("loss", "hinge"), `loss should be one of ["softmax", "hs", "ns", "ova"]`},
		{"characters", parameter("min_char", "3"), "Parameter 'min_char' (3) should be <= 'max_char' (0)."},
		{"prefix", parameter("label_prefix", "a b"), "Parameter 'label_prefix' should be 1 to 64 bytes without white space."},
		{"memory", func(s *training.Spec) {
			s.HyperParameters["buckets"], s.HyperParameters["vector_dim"] = "2000000", "300"
		},
			"The hyperparameters 'buckets' (2000000) and 'vector_dim' (300) make a matrix of 2.2 GiB, and a training job on this server may have 1.0 GiB. Choose fewer buckets or dimensions."},

		{"no train", func(s *training.Spec) { s.InputDataConfig = nil },
			"The channel train is missing. Give it in InputDataConfig with the labelled text to learn from."},
		{"no validation", parameter("early_stopping", "True"),
			"The hyperparameter early_stopping needs the channel validation. Give it in InputDataConfig, or set early_stopping to False."},
		{"another channel", source(func(c *training.Channel) { c.ChannelName = "test" }),
			`BlazingText has no channel "test" in mode supervised. It reads the channels train and, optionally, validation.`},
		{"a channel twice", func(s *training.Spec) { s.InputDataConfig = append(s.InputDataConfig, s.InputDataConfig[0]) },
			`The channel name "train" is given twice. Channel names must be unique.`},
		{"no source", source(func(c *training.Channel) { c.DataSource = training.DataSource{} }),
			`The channel "train" has no S3DataSource; other data sources are not offered.`},
		{"recordio", source(func(c *training.Channel) { c.RecordWrapperType = "RecordIO" }),
			`The RecordWrapperType RecordIO of the channel "train" is only possible with the S3DataType AugmentedManifestFile: BlazingText reads lines of text.`},
		{"a manifest that is not there", source(func(c *training.Channel) {
			c.DataSource.S3DataSource.S3DataType = "ManifestFile"
			c.DataSource.S3DataSource.S3Uri = "s3://data/none"
		}),
			`No S3 objects found under S3 URL "s3://data/none" given in input data source: the manifest can't be found. …`},
		{"a manifest of text", source(func(c *training.Channel) { c.DataSource.S3DataSource.S3DataType = "ManifestFile" }),
			`The manifest s3://data/train can't be used: it is not a JSON array such as …`},
		{"augmented without attributes", source(func(c *training.Channel) { c.DataSource.S3DataSource.S3DataType = "AugmentedManifestFile" }),
			`The channel "train" is an augmented manifest, for which AttributeNames must be given: source and label, in that order.`},
		{"attributes of text", source(func(c *training.Channel) { c.DataSource.S3DataSource.AttributeNames = []string{"source"} }),
			`The channel "train" has AttributeNames, which are only possible with the S3DataType AugmentedManifestFile.`},
		{"validation of vectors", func(s *training.Spec) {
			s.HyperParameters["mode"] = "cbow"
			s.InputDataConfig[0].ChannelName = "validation"
		}, `BlazingText has no channel "validation" in mode cbow. It reads the channels train and, optionally, evaluation.`},
		{"augmented manifest of vectors", func(s *training.Spec) {
			s.HyperParameters["mode"] = "skipgram"
			s.InputDataConfig[0].DataSource.S3DataSource.S3DataType = "AugmentedManifestFile"
		}, `The S3DataType AugmentedManifestFile of the channel "train" is only possible in mode supervised.`},
		{"subwords in batches", func(s *training.Spec) {
			s.HyperParameters["mode"], s.HyperParameters["subwords"] = "batch_skipgram", "True"
		},
			"subwords is not supported in mode batch_skipgram. Please set subwords to False or use skipgram or cbow."},
		{"sampling", func(s *training.Spec) {
			s.HyperParameters["mode"], s.HyperParameters["sampling_threshold"] = "cbow", "1"
		},
			"Parameter 'sampling_threshold' should be between (0,1)."},
		{"a loss of vectors", func(s *training.Spec) { s.HyperParameters["mode"], s.HyperParameters["loss"] = "cbow", "hs" },
			"Additional hyperparameters are not allowed ('loss' was unexpected). In mode cbow there are: mode, batch_size, …"},
		{"batches on a GPU", func(s *training.Spec) {
			s.HyperParameters["mode"], s.ResourceConfig.InstanceType = "batch_skipgram", "ml.p3.2xlarge"
		},
			"batch_skipgram is not supported on GPU. Please select a CPU instance or use cbow/skipgram"},
		{"many instances for cbow", func(s *training.Spec) { s.HyperParameters["mode"], s.ResourceConfig.InstanceCount = "cbow", 2 },
			"Only batch_skipgram is available when training on multiple CPU instances"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec("refused")
			c.change(&s)
			_, err := h.Create(h.ctx, s)
			got := errs.MessageOf(err)
			begin, cut := strings.CutSuffix(c.want, "…")
			if !errs.Is(err, errs.Invalid) || got != c.want && (!cut || !strings.HasPrefix(got, begin)) {
				t.Errorf("got  %q (%s)\nwant %q", got, errs.KindOf(err), c.want)
			}
		})
	}
	if jobs, _, err := h.List(h.ctx, store.Query{}); err != nil || len(jobs) != 0 {
		t.Errorf("refused jobs are on record: %v, %v", jobs, err)
	}
}

// TestAccepted has what real clients send beside the plain case.
func TestAccepted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.run(h.Service)
	h.put("train", text(60, 1))
	h.put("validation", text(60, 2))
	for i, c := range []struct {
		name   string
		change func(*training.Spec)
		log    string
	}{
		{"short image name", func(s *training.Spec) { s.AlgorithmSpecification.TrainingImage = "blazingtext" }, ""},
		{"image by digest", func(s *training.Spec) {
			s.AlgorithmSpecification.TrainingImage = "1.dkr.ecr.eu-west-1.amazonaws.com/blazingtext@sha256:" + strings.Repeat("0", 64)
		}, ""},
		{"spot", func(s *training.Spec) {
			s.EnableManagedSpotTraining = true
			s.StoppingCondition.MaxWaitTimeInSeconds = s.StoppingCondition.MaxRuntimeInSeconds
		}, ""},
		{"booleans in small letters", func(s *training.Spec) {
			s.HyperParameters["early_stopping"] = "true"
			s.InputDataConfig = append(s.InputDataConfig, channel("validation", "s3://data/validation"))
		}, ""},
		{"hyperparameters of other modes", func(s *training.Spec) { s.HyperParameters["window_size"] = "5" },
			"The hyperparameter window_size has no effect in mode supervised."},
		{"a tuning job's hyperparameter", func(s *training.Spec) { s.HyperParameters["_tuning_objective_metric"] = "validation:accuracy" }, ""},
		{"a key", func(s *training.Spec) { s.OutputDataConfig.KmsKeyId = "alias/mine" }, "The model is not encrypted with the KmsKeyId given"},
		{"a bucket alone as output", func(s *training.Spec) { s.OutputDataConfig.S3OutputPath = "s3://data" }, ""},
		{"a loss per label", func(s *training.Spec) { s.HyperParameters["loss"] = "ova" }, ""},
		{"a tree", func(s *training.Spec) { s.HyperParameters["loss"] = "hs" }, ""},
		{"negatives", func(s *training.Spec) { s.HyperParameters["loss"] = "ns"; s.HyperParameters["negative_samples"] = "2" }, ""},
		{"characters", func(s *training.Spec) { s.HyperParameters["min_char"] = "2"; s.HyperParameters["max_char"] = "4" }, ""},
		{"another prefix", func(s *training.Spec) { s.HyperParameters["label_prefix"] = "__label" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := spec("accepted-" + string(rune('a'+i)))
			c.change(&s)
			h.create(s)
			job := h.waitDone(s.TrainingJobName)
			if log := h.logOf(job); job.TrainingJobStatus != training.Completed || !strings.Contains(log, c.log) {
				t.Errorf("%s: %s\n%s", job.TrainingJobStatus, job.FailureReason, log)
			}
		})
	}
}

func TestDefaultRuntimeIsADay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.put("train", text(10, 1))
	s := spec("defaults")
	s.StoppingCondition = training.StoppingCondition{}
	if job := h.create(s); *job.StoppingCondition.MaxRuntimeInSeconds != 86400 {
		t.Errorf("%+v", job.StoppingCondition)
	}
}
