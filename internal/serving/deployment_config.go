package serving

import (
	"context"
	"fmt"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// DeploymentConfig says how an update takes over traffic, and when it is rolled
// back. Members carry the names of the SageMaker API. The zero value, and nil,
// stand for all traffic at once and no waiting.
type DeploymentConfig struct {
	BlueGreenUpdatePolicy     *BlueGreenUpdatePolicy     `json:",omitempty"`
	RollingUpdatePolicy       *RollingUpdatePolicy       `json:",omitempty"`
	AutoRollbackConfiguration *AutoRollbackConfiguration `json:",omitempty"`
}

// BlueGreenUpdatePolicy loads everything anew and then moves the traffic.
type BlueGreenUpdatePolicy struct {
	TrafficRoutingConfiguration      *TrafficRoutingConfig `json:",omitempty"`
	TerminationWaitInSeconds         *int                  `json:",omitempty"` // before the old models are let go of
	MaximumExecutionTimeoutInSeconds *int                  `json:",omitempty"` // then it is rolled back; default 8 hours
}

// TrafficRoutingConfig is how much traffic moves in one step.
type TrafficRoutingConfig struct {
	Type                  string        // ALL_AT_ONCE, CANARY or LINEAR
	WaitIntervalInSeconds *int          `json:",omitempty"` // after each step
	CanarySize            *CapacitySize `json:",omitempty"` // the first of two steps
	LinearStepSize        *CapacitySize `json:",omitempty"` // each of equal steps
}

// RollingUpdatePolicy replaces a batch of instances after the other. Here an
// endpoint's instances share one model, so that a batch is a step of traffic.
type RollingUpdatePolicy struct {
	MaximumBatchSize                 *CapacitySize `json:",omitempty"`
	WaitIntervalInSeconds            *int          `json:",omitempty"`
	MaximumExecutionTimeoutInSeconds *int          `json:",omitempty"`
	RollbackMaximumBatchSize         *CapacitySize `json:",omitempty"`
}

// CapacitySize is a part of an endpoint's instances.
type CapacitySize struct {
	Type  string // INSTANCE_COUNT or CAPACITY_PERCENT
	Value int
}

// AutoRollbackConfiguration names the alarms that roll an update back.
type AutoRollbackConfiguration struct {
	Alarms []Alarm `json:",omitempty"`
}

// Alarm is the name of an alarm.
type Alarm struct{ AlarmName string }

// The states of an alarm.
const (
	AlarmOK               = "OK"
	AlarmInAlarm          = "ALARM"
	AlarmInsufficientData = "INSUFFICIENT_DATA"
)

// Alarms knows the state of alarms: one of the above, or an errs.NotFound.
type Alarms interface {
	AlarmState(ctx context.Context, name string) (string, error)
}

const defaultExecution = 8 * time.Hour

func (d *DeploymentConfig) check(c *constraints) {
	if d == nil {
		return
	}
	if p := d.BlueGreenUpdatePolicy; p != nil {
		at := "deploymentConfig.blueGreenUpdatePolicy."
		between(c, p.TerminationWaitInSeconds, at+"terminationWaitInSeconds", 0, 3600)
		between(c, p.MaximumExecutionTimeoutInSeconds, at+"maximumExecutionTimeoutInSeconds", 600, 28800)
		at += "trafficRoutingConfiguration"
		if t := p.TrafficRoutingConfiguration; t == nil {
			c.Add(nil, at, "Member must not be null")
		} else {
			c.Enum(t.Type, at+".type", "ALL_AT_ONCE", "CANARY", "LINEAR")
			needed(c, t.WaitIntervalInSeconds, at+".waitIntervalInSeconds", 0, 3600)
			t.CanarySize.check(c, at+".canarySize")
			t.LinearStepSize.check(c, at+".linearStepSize")
		}
	}
	if p := d.RollingUpdatePolicy; p != nil {
		at := "deploymentConfig.rollingUpdatePolicy."
		if p.MaximumBatchSize == nil {
			c.Add(nil, at+"maximumBatchSize", "Member must not be null")
		}
		p.MaximumBatchSize.check(c, at+"maximumBatchSize")
		p.RollbackMaximumBatchSize.check(c, at+"rollbackMaximumBatchSize")
		needed(c, p.WaitIntervalInSeconds, at+"waitIntervalInSeconds", 0, 3600)
		between(c, p.MaximumExecutionTimeoutInSeconds, at+"maximumExecutionTimeoutInSeconds", 600, 28800)
	}
	if a := d.AutoRollbackConfiguration; a != nil && a.Alarms != nil {
		at := "deploymentConfig.autoRollbackConfiguration.alarms"
		switch n := len(a.Alarms); {
		case n < 1:
			c.Add("[]", at, "Member must have length greater than or equal to 1")
		case n > 10:
			c.Add(n, at, "Member must have length less than or equal to 10")
		}
		for i, alarm := range a.Alarms {
			c.match(alarm.AlarmName, fmt.Sprintf("%s.%d.member.alarmName", at, i+1), alarmPattern)
		}
	}
}

func (z *CapacitySize) check(c *constraints, at string) {
	if z == nil {
		return
	}
	c.Enum(z.Type, at+".type", "INSTANCE_COUNT", "CAPACITY_PERCENT")
	between(c, &z.Value, at+".value", 1, 1<<30)
}

// needed is between for a member that must be given.
func needed(c *constraints, value *int, member string, low, high int) {
	if value == nil {
		c.Add(nil, member, "Member must not be null")
	}
	between(c, value, member, low, high)
}

// checkRollout reports what breaks no rule of a single member: what contradicts
// itself, and alarms that are not there.
func (s *Service) checkRollout(ctx context.Context, d *DeploymentConfig) error {
	if d == nil {
		return nil
	}
	if d.BlueGreenUpdatePolicy != nil && d.RollingUpdatePolicy != nil {
		return errs.Invalidf("DeploymentConfig has both a BlueGreenUpdatePolicy and a RollingUpdatePolicy; give one of them.")
	}
	if p := d.BlueGreenUpdatePolicy; p != nil {
		t := p.TrafficRoutingConfiguration
		switch {
		case t.Type == "CANARY" && t.CanarySize == nil:
			return errs.Invalidf("TrafficRoutingConfiguration of type CANARY needs a CanarySize.")
		case t.Type == "LINEAR" && t.LinearStepSize == nil:
			return errs.Invalidf("TrafficRoutingConfiguration of type LINEAR needs a LinearStepSize.")
		case t.Type != "CANARY" && t.CanarySize != nil:
			return errs.Invalidf("CanarySize is only for TrafficRoutingConfiguration of type CANARY; leave it out for %s.", t.Type)
		case t.Type != "LINEAR" && t.LinearStepSize != nil:
			return errs.Invalidf("LinearStepSize is only for TrafficRoutingConfiguration of type LINEAR; leave it out for %s.", t.Type)
		case t.Type == "CANARY" && t.CanarySize.Type == "CAPACITY_PERCENT" && t.CanarySize.Value > 50:
			return errs.Invalidf("CanarySize is %d percent; at most 50 percent of the capacity can be the canary.", t.CanarySize.Value)
		case t.Type == "LINEAR" && t.LinearStepSize.Type == "CAPACITY_PERCENT" && (t.LinearStepSize.Value < 10 || t.LinearStepSize.Value > 50):
			return errs.Invalidf("LinearStepSize is %d percent; it must be from 10 to 50 percent of the capacity.", t.LinearStepSize.Value)
		}
	}
	if p := d.RollingUpdatePolicy; p != nil && p.MaximumBatchSize.Type == "CAPACITY_PERCENT" && (p.MaximumBatchSize.Value < 5 || p.MaximumBatchSize.Value > 50) {
		return errs.Invalidf("MaximumBatchSize is %d percent; it must be from 5 to 50 percent of the capacity.", p.MaximumBatchSize.Value)
	}
	for _, name := range d.alarms() {
		if s.opt.Alarms == nil {
			return errs.Invalidf("The alarm %q cannot be watched: this server has no alarms. Leave AutoRollbackConfiguration out.", name)
		}
		if _, err := s.opt.Alarms.AlarmState(ctx, name); errs.Is(err, errs.NotFound) {
			return errs.Wrap(err, errs.Invalid, "ValidationException", "AutoRollbackConfiguration names the alarm %q, which does not exist.", name)
		} else if err != nil {
			return fmt.Errorf("state of alarm %s: %w", name, err)
		}
	}
	return nil
}

func (d *DeploymentConfig) alarms() (names []string) {
	if d != nil && d.AutoRollbackConfiguration != nil {
		for _, a := range d.AutoRollbackConfiguration.Alarms {
			names = append(names, a.AlarmName)
		}
	}
	return names
}

// plan is how an update goes on once its models are loaded.
type plan struct {
	shares []float64     // of the requests that the new variants answer, step by step; the last is 1
	wait   time.Duration // after each step
	linger time.Duration // after the last wait, before the old models are let go of
	limit  time.Duration // of the whole update
}

// plan makes the steps for an endpoint of so many instances.
func (d *DeploymentConfig) plan(instances int) plan {
	p := plan{shares: []float64{1}, limit: defaultExecution}
	switch {
	case d == nil:
	case d.RollingUpdatePolicy != nil:
		r := d.RollingUpdatePolicy
		p.shares = steps(r.MaximumBatchSize.share(instances))
		p.wait = seconds(r.WaitIntervalInSeconds, 0)
		p.limit = seconds(r.MaximumExecutionTimeoutInSeconds, defaultExecution)
	case d.BlueGreenUpdatePolicy != nil:
		b := d.BlueGreenUpdatePolicy
		t := b.TrafficRoutingConfiguration
		switch t.Type {
		case "CANARY":
			p.shares = []float64{t.CanarySize.share(instances), 1}
		case "LINEAR":
			p.shares = steps(t.LinearStepSize.share(instances))
		}
		p.wait = seconds(t.WaitIntervalInSeconds, 0)
		p.linger = seconds(b.TerminationWaitInSeconds, 0)
		p.limit = seconds(b.MaximumExecutionTimeoutInSeconds, defaultExecution)
	}
	return p
}

// share is the size as a part of the whole, from just over 0 to 1.
func (z *CapacitySize) share(instances int) float64 {
	if z.Type == "INSTANCE_COUNT" {
		return min(float64(z.Value)/float64(max(instances, 1)), 1)
	}
	return min(float64(z.Value)/100, 1)
}

// steps goes up to 1 by equal shares.
func steps(share float64) (shares []float64) {
	const maxSteps = 1000 // of one instance out of very many
	share = max(share, 1.0/maxSteps)
	for n := 1; float64(n)*share < 1-1e-9; n++ {
		shares = append(shares, float64(n)*share)
	}
	return append(shares, 1)
}

func seconds(n *int, other time.Duration) time.Duration {
	if n == nil {
		return other
	}
	return time.Duration(*n) * time.Second
}
