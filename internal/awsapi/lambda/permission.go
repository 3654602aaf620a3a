package lambda

import (
	"encoding/json"
	"net/http"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/function"
)

// permissionInput is what AddPermission takes. What would need a part of Lambda
// that isn't here is known so as to be refused.
type permissionInput struct {
	StatementId, Action, Principal   string
	SourceArn, SourceAccount         string
	RevisionId                       string
	PrincipalOrgID, EventSourceToken string
	FunctionUrlAuthType              string
	InvokedViaFunctionUrl            *bool
}

// readPermission reads the body of AddPermission.
func readPermission(body []byte) (in permissionInput, err error) {
	if len(body) == 0 {
		body = []byte("{}")
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return in, errs.Wrap(err, errs.Invalid, "InvalidRequestContentException", "Could not parse request body into json: it must be an object of strings.")
	}
	return in, nil
}

// permission is the input as the service takes it, or what is not offered of it.
func (in *permissionInput) permission() (function.Permission, error) {
	p := function.Permission{StatementID: in.StatementId, Action: in.Action, Principal: in.Principal, SourceAccount: in.SourceAccount}
	switch {
	case in.PrincipalOrgID != "":
		return p, parameter("There are no organizations here, so PrincipalOrgID would let nobody in. Name the accounts instead.")
	case in.EventSourceToken != "":
		return p, parameter("Event source tokens belong to Alexa Smart Home, which does not call functions here.")
	case in.FunctionUrlAuthType != "" || in.InvokedViaFunctionUrl != nil:
		return p, parameter("Function URLs are not offered. A route of the public listener leads to a function.")
	}
	if in.SourceArn != "" {
		p.SourceARNs = []string{in.SourceArn}
	}
	return p, nil
}

// addPermission is AddPermission.
func (c *call) addPermission() error {
	body, err := c.body()
	if err != nil {
		return err
	}
	in, err := readPermission(body)
	if err != nil {
		return err
	}
	p, err := in.permission()
	if err != nil {
		return err
	}
	added, err := c.to.AddPermission(c.r.Context(), c.function, p, in.RevisionId)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, struct{ Statement string }{added})
}

// getPolicy is GetPolicy.
func (c *call) getPolicy() error {
	document, revision, err := c.to.Policy(c.r.Context(), c.function)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, struct{ Policy, RevisionId string }{document, revision})
}

// removePermission is RemovePermission.
func (c *call) removePermission() error {
	if err := c.to.RemovePermission(c.r.Context(), c.function, c.id, c.r.URL.Query().Get("RevisionId")); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
