package training

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// outcome is what a job that was trained leaves.
type outcome struct {
	artifacts string
	metrics   []Metric
}

// execute takes a claimed job from its start to its model. The end is left to
// the caller.
func (s *Service) execute(ctx context.Context, c *claim) (*outcome, error) {
	restarted := c.job.LogStream != ""
	if err := s.begin(ctx, c, restarted); err != nil {
		return nil, err
	}
	most := time.Duration(*c.job.StoppingCondition.MaxRuntimeInSeconds) * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, most, errMaxRuntime)
	defer cancel()
	log, err := s.openLog(ctx, c.job.LogStream)
	if err != nil {
		return nil, err
	}
	if restarted {
		log.info("The server was restarted while this job ran. The training starts over.")
	}
	result, err := s.run(s.AsRole(ctx, c.job.RoleArn), c, log)
	switch cause := context.Cause(ctx); {
	case err == nil:
	case errors.Is(cause, errMaxRuntime):
		err = errMaxRuntime
		log.warn("The runtime exceeded MaxRuntimeInSeconds (%d). No model was stored.", *c.job.StoppingCondition.MaxRuntimeInSeconds)
	case errors.Is(cause, errStopped), errors.Is(err, errStopped):
		log.info("The job was stopped. No model was stored.")
	case cause == nil:
		log.leveled("ERROR", "%s", failureReason(err))
	}
	// Whoever sees the job's end also sees all of its log.
	if cerr := log.close(); cerr != nil {
		s.Log.ErrorContext(ctx, "the end of a training job's log can't be stored", "job", c.name, "error", cerr)
	}
	return result, err
}

// begin records that the job runs, and where its log is.
func (s *Service) begin(ctx context.Context, c *claim, restarted bool) error {
	if c.job.Attempts >= maxAttempts {
		return &failure{class: "InternalServerError", reason: fmt.Sprintf("The server ended unexpectedly %d times while this job ran, "+
			"perhaps for lack of memory. Train on less data, or with fewer buckets or a smaller vector_dim.", c.job.Attempts)}
	}
	return s.proceed(ctx, c, func(job *Job) {
		now := s.Now()
		job.Worker = c.owner
		job.Attempts++
		job.Epochs = nil
		if restarted {
			job.enter(Restarting, "Restarting the training job, as the server was restarted", now)
		} else {
			job.LogStream = fmt.Sprintf("%s/algo-1-%d", job.TrainingJobName, now.Unix())
			job.TrainingStartTime = now
		}
		job.enter(Downloading, "Downloading input data", now)
	})
}

// run downloads, trains and uploads.
func (s *Service) run(ctx context.Context, c *claim, log *jobLog) (*outcome, error) {
	p, err := parseHyperParameters(c.job.HyperParameters)
	if err != nil {
		return nil, err
	}
	log.printf("Arguments: train")
	for _, name := range p.ignored {
		log.warn("The hyperparameter %s has no effect in mode supervised.", name)
	}
	if c.job.OutputDataConfig.KmsKeyId != "" {
		log.warn("The model is not encrypted with the KmsKeyId given: this server does not offer KMS.")
	}
	log.info("Running single machine CPU BlazingText training using supervised mode.")
	t := trainer{service: s, claim: c, settings: p, log: log}
	for _, ch := range c.job.InputDataConfig {
		opened, err := s.openChannel(ctx, &c.job.Spec, ch)
		if err != nil {
			return nil, err
		}
		defer opened.close()
		for _, in := range opened.inputs {
			log.info("Processing %s . File size: %v MB", opened.path(in), float64(in.info.Size)/(1<<20))
		}
		if ch.ChannelName == "train" {
			t.data = opened
		} else {
			t.validation = opened
		}
	}
	err = s.proceed(ctx, c, func(job *Job) {
		job.enter(Training, "Training image download completed. Training in progress.", s.Now())
	})
	if err != nil {
		return nil, err
	}
	model, metrics, err := t.train(ctx)
	if err != nil {
		return nil, err
	}
	err = s.proceed(ctx, c, func(job *Job) {
		job.enter(Uploading, "Uploading generated training model", s.Now())
	})
	if err != nil {
		return nil, err
	}
	artifacts, err := s.upload(ctx, &c.job.Spec, model)
	if err != nil {
		return nil, err
	}
	return &outcome{artifacts, metrics}, nil
}
