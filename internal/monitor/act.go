package monitor

import (
	"context"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// Notification tells that an alarm has another state.
type Notification struct {
	Alarm    Alarm
	OldState string
	At       time.Time
}

// act takes the actions of the state that an alarm has got: it logs them, has them
// delivered if anybody does that, and says in the alarm's history how that went.
func (s *Service) act(ctx context.Context, n Notification) {
	a := &n.Alarm
	s.Log.InfoContext(ctx, "an alarm has changed its state", "alarm", a.AlarmName, "from", n.OldState, "to", a.StateValue, "reason", a.StateReason)
	actions := a.actions(a.StateValue)
	if !a.enabled() || len(actions) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	s.notices.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		err := error(errs.New(errs.Unsupported, "", "This server delivers no notifications; its operator can set alarm_webhook."))
		if s.Notify != nil {
			err = s.Notify(ctx, n)
		}
		for _, action := range actions {
			state, summary := "Succeeded", "Successfully executed action "+action
			data := map[string]any{"actionState": state, "notificationResource": action, "stateUpdateTimestamp": n.At.UnixMilli()}
			if err != nil {
				state, summary = "Failed", "Failed to execute action "+action+": "+errs.MessageOf(err)
				data["actionState"], data["error"] = state, errs.MessageOf(err)
			}
			if err := s.record(ctx, s.Now(), a.AlarmName, "Action", summary, data); err != nil {
				s.Log.ErrorContext(ctx, "an alarm's history can't be written", "alarm", a.AlarmName, "error", err)
			}
		}
		if err != nil {
			s.Log.WarnContext(ctx, "an alarm's actions were not delivered", "alarm", a.AlarmName, "actions", actions, "error", err)
		}
	})
}
