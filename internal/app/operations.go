package app

import (
	"log/slog"
	"net/http"

	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/telemetry"
)

// Operations lists every operation that a server answers, with the permission
// that it needs, as what routes to them declares it.
func Operations() []iam.Declared {
	a := &App{cfg: DefaultConfig(), log: slog.New(slog.DiscardHandler), metrics: telemetry.New()}
	var all []iam.Declared
	for _, handler := range []http.Handler{a.awsHandler(), a.restAPI(), a.publicHandler()} {
		if d, ok := handler.(iam.Declarer); ok {
			all = append(all, d.Operations()...)
		}
	}
	for _, p := range a.plain() {
		all = append(all, iam.Declared{Service: "heliograph", Operation: p.name, Protocol: "http", Method: http.MethodGet, Path: p.path, Anonymous: true})
	}
	for i := range all {
		if all[i].Listener == "" {
			all[i].Listener = "control"
		}
	}
	return iam.SortDeclared(all)
}
