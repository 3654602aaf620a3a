package training

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/jobs"
	"github.com/heliograph/heliograph/internal/training/trainer"
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
	ctx, cancel := s.bound(ctx, c)
	defer cancel()
	log, err := s.openLog(ctx, c.job.LogStream)
	if err != nil {
		return nil, err
	}
	if restarted {
		log.info("The server was restarted while this job ran. The training starts over.")
	}
	var result *outcome
	acting, err := s.Roles.Assume(ctx, c.job.RoleArn, c.job.TrainingJobArn)
	if err == nil {
		result, err = s.run(acting, c, log)
	}
	switch cause := context.Cause(ctx); {
	case err == nil:
	case errors.Is(cause, errMaxRuntime):
		err = errMaxRuntime
		log.warn("The runtime exceeded MaxRuntimeInSeconds (%d). No model was stored.", *c.job.StoppingCondition.MaxRuntimeInSeconds)
	case errors.Is(cause, errMaxWait):
		err = errMaxWait
		log.warn("The time since the job was created exceeded MaxWaitTimeInSeconds (%d). No model was stored.", *c.job.StoppingCondition.MaxWaitTimeInSeconds)
	case errors.Is(cause, errStopped), errors.Is(err, errStopped):
		log.info("The job was stopped. No model was stored.")
	case errs.Is(cause, errs.Invalid): // its role is gone
		log.leveled("ERROR", "%s", jobs.FailureReason(cause))
	case cause == nil:
		log.leveled("ERROR", "%s", jobs.FailureReason(err))
	}
	// Whoever sees the job's end also sees all of its log.
	if cerr := log.close(); cerr != nil {
		s.Log.ErrorContext(ctx, "the end of a training job's log can't be stored", "job", c.Name, "error", cerr)
	}
	return result, err
}

// bound ends ctx when the job's time is over.
func (s *Service) bound(ctx context.Context, c *claim) (context.Context, context.CancelFunc) {
	limits := c.job.StoppingCondition
	most, cause := time.Duration(*limits.MaxRuntimeInSeconds)*time.Second, errMaxRuntime
	if c.job.EnableManagedSpotTraining && limits.MaxWaitTimeInSeconds != nil {
		if left := time.Duration(*limits.MaxWaitTimeInSeconds)*time.Second - s.Now().Sub(c.job.CreationTime); left < most {
			most, cause = left, errMaxWait
		}
	}
	return context.WithTimeoutCause(ctx, most, cause)
}

// begin records that the job runs, and where its log is.
func (s *Service) begin(ctx context.Context, c *claim, restarted bool) error {
	if c.job.Attempts >= maxAttempts {
		return &jobs.Failure{Class: "InternalServerError", Reason: fmt.Sprintf("The server ended unexpectedly %d times while this job ran, "+
			"perhaps for lack of memory. Train on less data, or with fewer buckets or a smaller vector_dim.", c.job.Attempts)}
	}
	return s.proceed(ctx, c, func(job *Job) {
		now := s.Now()
		job.Worker = c.Owner
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
		log.warn("The hyperparameter %s has no effect in mode %s.", name, p.mode())
	}
	for _, name := range p.chosen {
		log.warn("The hyperparameter %s has no effect with the recipe %s, which chooses by itself.", name, trainer.Linear)
	}
	if c.job.OutputDataConfig.KmsKeyId != "" {
		log.warn("The model is not encrypted with the KmsKeyId given: this server does not offer KMS.")
	}
	log.info("Running single machine CPU BlazingText training using %s mode.", p.mode())
	if n := c.job.ResourceConfig.InstanceCount; n > 1 {
		log.warn("The job asks for %d instances. It runs on this machine alone.", n)
	}
	h := &host{service: s, ctx: ctx, claim: c, log: log, channels: map[string]*channel{}}
	task := s.task(c, p)
	for _, ch := range c.job.InputDataConfig {
		opened, err := s.openChannel(ctx, &c.job.Spec, ch, p.text("label_prefix"))
		if err != nil {
			return nil, err
		}
		defer opened.close()
		h.channels[ch.ChannelName] = opened
		named := trainer.Channel{Name: ch.ChannelName}
		for i, in := range opened.inputs {
			if i < maxLogged {
				log.info("Processing %s . File size: %v MB", opened.path(in), float64(in.info.Size)/(1<<20))
			}
			if i == 0 || ch.ChannelName == trainer.Evaluation {
				named.Files = append(named.Files, opened.path(in))
			}
		}
		if more := len(opened.inputs) - maxLogged; more > 0 {
			log.info("Processing %d more files of the channel %s.", more, opened.name)
		}
		task.Channels = append(task.Channels, named)
	}
	err = s.proceed(ctx, c, func(job *Job) {
		job.enter(Training, "Training image download completed. Training in progress.", s.Now())
	})
	if err != nil {
		return nil, err
	}
	measured, err := s.train(ctx, c.Name, task, h)
	if err != nil {
		return nil, err
	}
	result := &outcome{artifacts: h.artifacts}
	for _, m := range measured {
		result.metrics = append(result.metrics, Metric{m.Name, m.Value, s.Now()})
	}
	return result, nil
}

// maxLogged is how many files of a channel are named in the log.
const maxLogged = 1000

// task is what the job's process is to do, but for the channels.
func (s *Service) task(c *claim, p settings) trainer.Task {
	return trainer.Task{
		Mode:          p.mode(),
		Recipe:        p.text("recipe"),
		Args:          p.args(s.Threads),
		EarlyStopping: p.bool("early_stopping"),
		MinEpochs:     p.int("min_epochs"),
		Patience:      p.int("patience"),
		EveryEpoch:    c.job.Tuned != nil && c.job.Tuned.EveryEpoch,
		Evaluation:    p.bool("evaluation"),
		Plain:         c.job.OutputDataConfig.CompressionType == "NONE",
		MemoryBytes:   s.MaxMemoryBytes,
	}
}

// host is what the job's process may ask of the server.
type host struct {
	service   *Service
	ctx       context.Context // of the job, in the name of its role
	claim     *claim
	log       *jobLog
	channels  map[string]*channel
	artifacts string // once uploaded
}

func (h *host) Open(name string, file int) (trainer.Text, error) {
	return h.channels[name].text(h.ctx, file), nil
}

func (h *host) Log(text []byte) { _, _ = h.log.lines.Write(text) } // it fails only after close

func (h *host) Epoch(e trainer.Epoch) error { return h.service.reportEpoch(h.ctx, h.claim, e) }

func (h *host) Upload(archive io.Reader) error {
	err := h.service.proceed(h.ctx, h.claim, func(job *Job) {
		job.enter(Uploading, "Uploading generated training model", h.service.Now())
	})
	if err == nil {
		h.artifacts, err = h.service.upload(h.ctx, &h.claim.job.Spec, archive)
	}
	return err
}
