package function

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// Permission is a statement of a function's policy: it lets a principal do an
// action to the function.
type Permission struct {
	StatementID   string   `json:"sid"`
	Action        string   `json:"action"`                   // lambda:InvokeFunction, lambda:*, *
	Principal     string   `json:"principal"`                // an account, an ARN, a unique id, a service, or *
	SourceARNs    []string `json:"source_arns,omitempty"`    // for which the principal acts, with wildcards; none: any. A route's are the ends of such, see Grant
	SourceAccount string   `json:"source_account,omitempty"` // twelve digits; "": any
	Route         bool     `json:"route,omitempty"`          // given by a route and not by AddPermission
}

const (
	actionInvoke   = "lambda:InvokeFunction"
	gatewayService = "apigateway.amazonaws.com"
)

// The codes of the errors about functions and their policies, as AWS Lambda has them.
const (
	codeNotFound     = "ResourceNotFoundException"
	codeConflict     = "ResourceConflictException"
	codeParameter    = "InvalidParameterValueException"
	codeValidation   = "ValidationException"
	codeLength       = "PolicyLengthExceededException"
	codePrecondition = "PreconditionFailedException"
)

// statement is a permission in the words and the order of AWS Lambda.
type statement struct {
	Sid, Effect string
	Principal   any
	Action      string
	Resource    string
	Condition   map[string]map[string]any `json:",omitempty"`
}

func (p *Permission) statement(resource string) statement {
	s := statement{Sid: p.StatementID, Effect: "Allow", Principal: principalElement(p.Principal), Action: p.Action, Resource: resource}
	add := func(operator, key string, value any) {
		if s.Condition == nil {
			s.Condition = map[string]map[string]any{}
		}
		s.Condition[operator] = map[string]any{key: value}
	}
	if p.SourceAccount != "" {
		add("StringEquals", "AWS:SourceAccount", p.SourceAccount)
	}
	switch arns := p.sources(resource); len(arns) {
	case 0:
	case 1:
		add("ArnLike", "AWS:SourceArn", arns[0])
	default:
		add("ArnLike", "AWS:SourceArn", arns)
	}
	return s
}

// sources are the SourceARNs, whole. Routes go on working in a server that is
// told to be in another region or account: theirs begin as the function's does.
func (p *Permission) sources(resource string) []string {
	arns := slices.Clone(p.SourceARNs)
	for i, arn := range arns {
		if parts := strings.Split(resource, ":"); !strings.HasPrefix(arn, "arn:") {
			arns[i] = "arn:aws:execute-api:" + parts[3] + ":" + parts[4] + ":" + arn
		}
	}
	return arns
}

// principalElement is what a Principal element has for the name of a principal.
func principalElement(name string) any {
	switch {
	case name == "*":
		return name
	case accountID.MatchString(name):
		return map[string]string{"AWS": "arn:aws:iam::" + name + ":root"}
	case strings.Contains(name, ".") && !strings.HasPrefix(name, "arn:"):
		return map[string]string{"Service": name}
	}
	return map[string]string{"AWS": name}
}

var (
	accountID   = regexp.MustCompile(`^\d{12}$`)
	statementID = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	permitted   = regexp.MustCompile(`^(lambda:[*]|lambda:[a-zA-Z]+|[*])$`)
	sourceARN   = regexp.MustCompile(`^arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9-])+:([a-z]{2}(-[a-z]+)+-\d{1})?:(\d{12})?:(.*)$`)
)

// check reports what is wrong with a permission for the function of that ARN.
func (p *Permission) check(resource string) error {
	var problems []string
	member := func(name, value, pattern string) {
		problems = append(problems, fmt.Sprintf("Value '%.200s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", value, name, pattern))
	}
	if !statementID.MatchString(p.StatementID) {
		member("statementId", p.StatementID, "([a-zA-Z0-9-_]+)")
	}
	if len(p.StatementID) > 100 {
		problems = append(problems, "Value at 'statementId' failed to satisfy constraint: Member must have length less than or equal to 100")
	}
	if !permitted.MatchString(p.Action) {
		member("action", p.Action, "(lambda:[*]|lambda:[a-zA-Z]+|[*])")
	}
	if p.Principal == "" || strings.ContainsAny(p.Principal, " \t\r\n") {
		member("principal", p.Principal, `[^\s]+`)
	}
	for _, arn := range p.SourceARNs {
		if !sourceARN.MatchString(arn) {
			member("sourceArn", arn, `arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:([a-z]{2}(-gov)?-[a-z]+-\d{1})?:(\d{12})?:(.*)`)
		}
	}
	if p.SourceAccount != "" && !accountID.MatchString(p.SourceAccount) {
		member("sourceAccount", p.SourceAccount, `\d{12}`)
	}
	switch len(problems) {
	case 0:
	case 1:
		return errs.New(errs.Invalid, codeValidation, "1 validation error detected: %s", problems[0])
	default:
		return errs.New(errs.Invalid, codeValidation, "%d validation errors detected: %s", len(problems), strings.Join(problems, "; "))
	}
	text := encode(map[string]any{"Version": policy.Version2012, "Statement": p.statement(resource)})
	if _, err := policy.Parse(text, policy.Resource); err != nil {
		if strings.Contains(errs.MessageOf(err), "principal") {
			return errs.Wrap(err, errs.Invalid, codeParameter, "The provided principal was invalid. Please check the principal and try again. "+
				"It is an account, the ARN of a user, role or session, a service such as apigateway.amazonaws.com, or *.")
		}
		return errs.Wrap(err, errs.Invalid, codeParameter, "The permission can't be put into a policy: %s", errs.MessageOf(err))
	}
	return nil
}

// AddPermission adds a statement to the function's policy and returns its JSON.
// The id of the statement must be a new one (else Conflict). revision is that of
// the policy that the caller has seen, "" for whatever it is; another one is a
// Precondition error.
func (s *Service) AddPermission(ctx context.Context, function string, p Permission, revision string) (string, error) {
	if err := s.authorizePermission(ctx, "lambda:AddPermission", function, p.Principal); err != nil {
		return "", err
	}
	if err := p.check(s.ARN(function)); err != nil {
		return "", err
	}
	p.Route = false
	err := s.policies.change(ctx, function, func(doc *policyDoc) error {
		if err := doc.unchanged(revision); err != nil {
			return err
		}
		if doc.find(p.StatementID) >= 0 {
			return errs.New(errs.Conflict, codeConflict, "The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", p.StatementID)
		}
		doc.Permissions = append(doc.Permissions, p)
		added := slices.DeleteFunc(slices.Clone(doc.Permissions), func(p Permission) bool { return p.Route })
		if size := len(s.policies.document(function, added)); size > policy.MaxFunction {
			return errs.New(errs.Invalid, codeLength, "The final policy size (%d) is bigger than the limit (%d).", size, policy.MaxFunction)
		}
		return nil
	})
	if err == nil {
		err = s.policies.Reload(ctx)
	}
	if err != nil {
		return "", err
	}
	return string(encode(p.statement(s.ARN(function)))), nil
}

// RemovePermission removes the statement of that id, also one that a route has.
// For revision see AddPermission.
func (s *Service) RemovePermission(ctx context.Context, function, id, revision string) error {
	principal := ""
	if found := s.policies.find(function); found != nil {
		if i := found.doc.find(id); i >= 0 {
			principal = found.doc.Permissions[i].Principal
		}
	}
	if err := s.authorizePermission(ctx, "lambda:RemovePermission", function, principal); err != nil {
		return err
	}
	err := s.policies.change(ctx, function, func(doc *policyDoc) error {
		if len(doc.Permissions) == 0 {
			return errs.New(errs.NotFound, codeNotFound, "No policy is associated with the given resource.")
		}
		if err := doc.unchanged(revision); err != nil {
			return err
		}
		i := doc.find(id)
		if i < 0 {
			return errs.New(errs.NotFound, codeNotFound, "Statement %.200s is not found in resource policy.", id)
		}
		doc.Permissions = slices.Delete(doc.Permissions, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	return s.policies.Reload(ctx)
}

// Policy returns the JSON of the function's policy, and its revision.
func (s *Service) Policy(ctx context.Context, function string) (document, revision string, err error) {
	if err := s.authorize(ctx, "lambda:GetPolicy", function); err != nil {
		return "", "", err
	}
	found := s.policies.find(function)
	if found == nil {
		return "", "", errs.New(errs.NotFound, codeNotFound, "The resource you requested does not exist: the function %s has no policy.", function)
	}
	return found.text, found.doc.Revision, nil
}

// unchanged is an error if the policy is not of the revision that a caller has seen.
func (d *policyDoc) unchanged(revision string) error {
	if revision == "" || revision == d.Revision {
		return nil
	}
	return errs.New(errs.Precondition, codePrecondition,
		"The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id")
}

// authorizePermission is authorize for a change of who may call the function,
// where conditions see whom it is about.
func (s *Service) authorizePermission(ctx context.Context, action, function, principal string) error {
	if principal != "" {
		ctx = iam.WithKeys(ctx, map[string][]string{"lambda:Principal": {principal}})
	}
	return s.authorize(ctx, action, function)
}
