package telemetry

import (
	"io"
	"log/slog"

	"github.com/heliograph/heliograph/internal/errs"
)

// NewLogger returns a logger that writes to w. format is "text" or "json";
// level is "debug", "info", "warn" or "error", and lines below it are left out.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var opt slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, errs.Invalidf("the log level %q is unknown; use debug, info, warn or error", level)
	}
	opt.Level = l
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, &opt)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, &opt)), nil
	}
	return nil, errs.Invalidf("the log format %q is unknown; use text or json", format)
}
