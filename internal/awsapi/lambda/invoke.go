package lambda

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/heliograph/heliograph/internal/awsapi/wire"
	"github.com/heliograph/heliograph/internal/errs"
)

// maxLog is how many bytes of a run's log, the last ones, its caller may see.
const maxLog = 4 << 10

// invoke is Invoke.
func (c *call) invoke() error {
	kind, tail := c.r.Header.Get("X-Amz-Invocation-Type"), c.r.Header.Get("X-Amz-Log-Type")
	switch {
	case tail != "" && tail != "None" && tail != "Tail":
		return notOneOf(tail, "logType", "None, Tail")
	case c.r.Header.Get("X-Amz-Durable-Execution-Name") != "":
		return parameter("Durable executions are not offered.")
	}
	ctx := c.r.Context()
	switch kind {
	case "", "RequestResponse", "DryRun", "Event":
	default:
		return notOneOf(kind, "invocationType", "Event, RequestResponse, DryRun")
	}
	event, err := c.body()
	if err != nil {
		return err
	}
	h := c.w.Header()
	switch kind {
	case "DryRun":
		if err := c.to.Callable(ctx, c.function, event); err != nil {
			return err
		}
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	case "Event":
		if err := c.to.Enqueue(ctx, c.function, wire.RequestID(ctx), event); err != nil {
			return err
		}
		c.w.WriteHeader(http.StatusAccepted)
		return nil
	}
	out, err := c.to.Call(ctx, c.function, wire.RequestID(ctx), event)
	if err != nil {
		return err
	}
	h["X-Amz-Executed-Version"] = []string{"$LATEST"}
	if out.Failed {
		h["X-Amz-Function-Error"] = []string{"Unhandled"}
	}
	if tail == "Tail" {
		log := out.Log[max(0, len(out.Log)-maxLog):]
		h["X-Amz-Log-Result"] = []string{base64.StdEncoding.EncodeToString([]byte(log))}
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(out.Payload)))
	_, _ = c.w.Write(out.Payload) // the client may be gone
	return nil
}

func notOneOf(value, member, values string) error {
	return errs.New(errs.Invalid, "ValidationException",
		"1 validation error detected: Value '%.100s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]", value, member, values)
}
