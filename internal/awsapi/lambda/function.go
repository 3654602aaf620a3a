package lambda

import (
	"net/http"
	"strconv"

	"github.com/heliograph/heliograph/internal/function"
)

// configuration is Lambda's FunctionConfiguration, of which a function that is
// built in has these.
type configuration struct {
	FunctionName, FunctionArn, Description, Role string
	Timeout                                      int // seconds
	Version, State, LastUpdateStatus             string
}

func view(d function.Description) configuration {
	return configuration{d.Name, d.ARN, d.Text, d.Role, int(d.Timeout.Seconds()), "$LATEST", "Active", "Successful"}
}

// maxItems bounds a page of functions, as in AWS.
const maxItems = 50

// list is ListFunctions. A marker is the name of the last function before it.
func (c *call) list() error {
	query, limit := c.r.URL.Query(), maxItems
	if text := query.Get("MaxItems"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			return parameter("MaxItems must be a number from 1 to 10000.")
		}
		limit = min(n, maxItems)
	}
	if version := query.Get("FunctionVersion"); version != "" && version != "ALL" {
		return parameter("FunctionVersion must be ALL, if anything.")
	}
	all, err := c.to.List(c.r.Context())
	if err != nil {
		return err
	}
	out := struct {
		Functions  []configuration
		NextMarker string `json:",omitempty"`
	}{Functions: []configuration{}}
	for _, d := range all {
		if d.Name <= query.Get("Marker") {
			continue
		}
		if len(out.Functions) == limit {
			out.NextMarker = out.Functions[limit-1].FunctionName
			break
		}
		out.Functions = append(out.Functions, view(d))
	}
	return c.answer(http.StatusOK, out)
}

// get is GetFunction. There is no code to be fetched.
func (c *call) get() error {
	d, err := c.to.Get(c.r.Context(), "lambda:GetFunction", c.function)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, struct {
		Configuration configuration
		Code          struct{ RepositoryType string }
	}{view(d), struct{ RepositoryType string }{"built-in"}})
}

// getConfiguration is GetFunctionConfiguration.
func (c *call) getConfiguration() error {
	d, err := c.to.Get(c.r.Context(), "lambda:GetFunctionConfiguration", c.function)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, view(d))
}
