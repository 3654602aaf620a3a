package iam

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// The bounds of sessions, as AWS has them.
const (
	minSession        = 15 * time.Minute
	maxRoleSession    = 12 * time.Hour
	maxChainedSession = time.Hour
	maxTokenSession   = 36 * time.Hour
	maxRootSession    = time.Hour
	maxSessionPolicy  = 2048 // characters
	maxSessionARNs    = 10
)

// AssumeRoleInput says which role to assume, and how.
type AssumeRoleInput struct {
	RoleARN        string
	SessionName    string
	Duration       time.Duration // 15 minutes to the role's MaxSession; zero: 1 hour
	Policy         string        // the session may do what this allows too; "": all that the role may
	PolicyARNs     []string      // managed policies that, with Policy, bound the session
	ExternalID     string        // what the trust policy may ask for
	SourceIdentity string        // who is behind the session
	Tags           []Tag         // of the session, for which the trust policy must allow sts:TagSession
	Transitive     []string      // keys of Tags that sessions made with this one have too
}

// Session is temporary credentials with whom they stand for.
type Session struct {
	Credentials
	ARN, ID string // of the session
	Packed  int    // percent of the room that session policies take
}

// AssumeRole makes credentials of a role for the principal of ctx, whom the
// role's trust policy must allow sts:AssumeRole. That a role does not exist is
// told as a refusal, as AWS does it: names of roles are nobody's to try.
func (s *Service) AssumeRole(ctx context.Context, in AssumeRoleInput) (Session, error) {
	p, err := s.CallerIdentity(ctx)
	if err != nil {
		return Session{}, err
	}
	fault := in.check()
	if len(in.RoleARN) > 2048 || !roleARNPattern.MatchString(in.RoleARN) { // whoever may assume no role at all isn't told more
		if err := s.Authorize(ctx, "sts:AssumeRole", "*"); err != nil {
			return Session{}, err
		}
		return Session{}, fault
	}
	role, trust, err := s.trustOf(ctx, in.RoleARN)
	if err != nil {
		return Session{}, err
	}
	keys := map[string][]string{"sts:RoleSessionName": {in.SessionName}}
	if in.ExternalID != "" {
		keys["sts:ExternalId"] = []string{in.ExternalID}
	}
	if in.SourceIdentity != "" {
		keys["sts:SourceIdentity"] = []string{in.SourceIdentity}
	}
	tags := newTagging(&p, in.Tags, in.Transitive)
	keyed := tags.keys(WithKeys(ctx, keys))
	if err := s.AuthorizeResource(keyed, "sts:AssumeRole", in.RoleARN, trust); err != nil {
		return Session{}, err
	}
	if tags.any() {
		if err := s.AuthorizeResource(keyed, "sts:TagSession", in.RoleARN, trust); err != nil {
			return Session{}, err
		}
	}
	if fault == nil {
		fault = tags.check()
	}
	if fault != nil {
		return Session{}, fault
	}
	duration, err := in.duration(role, strings.HasPrefix(p.AccessKeyID, "ASIA"))
	if err != nil {
		return Session{}, err
	}
	packed, err := s.checkSessionPolicies(ctx, in.Policy, in.PolicyARNs, &tags)
	if err != nil {
		return Session{}, err
	}
	c, err := s.newCredentials(tags.of(session{Kind: roleSession, Role: role.Name, RoleID: role.ID, Name: in.SessionName,
		Policy: in.Policy, PolicyARNs: in.PolicyARNs, SourceIdentity: in.SourceIdentity}), duration)
	return Session{Credentials: c, ARN: "arn:aws:sts::" + s.cfg.AccountID + ":assumed-role/" + role.Name + "/" + in.SessionName,
		ID: role.ID + ":" + in.SessionName, Packed: packed}, err
}

// trustOf returns the role of an ARN with its trust policy, or for one that does
// not exist a policy that trusts nobody.
func (s *Service) trustOf(ctx context.Context, arn string) (Role, *policy.Attached, error) {
	role, trust, err := s.trust(ctx, roleName(arn))
	if errs.Is(err, errs.NotFound) || err == nil && role.ARN != arn {
		return Role{}, &policy.Attached{Name: arn, Document: &policy.Document{Version: policy.Version2012, Kind: policy.Trust}}, nil
	} else if err != nil {
		return role, nil, err
	}
	return role, &policy.Attached{Name: arn, Document: trust}, nil
}

// roleName is the name in a role's ARN, behind its path.
func roleName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func (in *AssumeRoleInput) duration(role Role, chained bool) (time.Duration, error) {
	switch {
	case in.Duration == 0 && chained:
		return maxChainedSession, nil
	case in.Duration == 0:
		return time.Hour, nil
	case chained && in.Duration > maxChainedSession:
		return 0, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case in.Duration > role.MaxSession:
		return 0, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return in.Duration, nil
}

var (
	roleARNPattern     = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:role/[\x21-\x7e]+$`)
	sessionNamePattern = regexp.MustCompile(`^[\w+=,.@-]*$`)
	externalIDPattern  = regexp.MustCompile(`^[\w+=,.@:/-]*$`)
)

func (in *AssumeRoleInput) check() error {
	if err := checkText(in.RoleARN, "roleArn", 20, 2048, nil); err != nil {
		return err
	}
	if !roleARNPattern.MatchString(in.RoleARN) {
		return invalid("%s is invalid", clip(in.RoleARN))
	}
	if err := checkText(in.SessionName, "roleSessionName", 2, 64, sessionNamePattern); err != nil {
		return err
	}
	if in.ExternalID != "" {
		if err := checkText(in.ExternalID, "externalId", 2, 1224, externalIDPattern); err != nil {
			return err
		}
	}
	if in.SourceIdentity != "" {
		if err := checkText(in.SourceIdentity, "sourceIdentity", 2, 64, sessionNamePattern); err != nil {
			return err
		}
	}
	return checkDuration(in.Duration, maxRoleSession)
}

// checkText holds a text against its length and pattern.
func checkText(value, member string, least, most int, pattern *regexp.Regexp) error {
	switch {
	case value == "":
		return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
	case len(value) < least:
		return constraint(value, member, "Member must have length greater than or equal to "+strconv.Itoa(least))
	case len(value) > most:
		return constraint(value, member, "Member must have length less than or equal to "+strconv.Itoa(most))
	case pattern != nil && !pattern.MatchString(value):
		return constraint(value, member, "Member must satisfy regular expression pattern: "+strings.Trim(pattern.String(), "^$"))
	}
	return nil
}

// checkDuration holds a session's length, if one is given, against its bounds.
func checkDuration(d, most time.Duration) error {
	seconds := strconv.FormatInt(int64(d/time.Second), 10)
	switch {
	case d == 0:
	case d < minSession:
		return constraint(seconds, "durationSeconds", "Member must have value greater than or equal to 900")
	case d > most:
		return constraint(seconds, "durationSeconds", "Member must have value less than or equal to "+strconv.Itoa(int(most/time.Second)))
	}
	return nil
}

// checkSessionPolicies refuses session policies that can't be read or, with the
// tags, are too long, and returns how much of the room for both they take, in percent.
func (s *Service) checkSessionPolicies(ctx context.Context, inline string, arns []string, tags *tagging) (int, error) {
	if n := len([]rune(inline)); n > maxSessionPolicy {
		return 0, constraint(inline, "policy", "Member must have length less than or equal to "+strconv.Itoa(maxSessionPolicy))
	}
	if len(arns) > maxSessionARNs {
		return 0, constraint(strings.Join(arns, ", "), "policyArns", "Member must have length less than or equal to "+strconv.Itoa(maxSessionARNs))
	}
	if inline != "" {
		if _, err := parseIdentity(inline); err != nil {
			return 0, err
		}
	}
	size := policy.Size([]byte(inline)) + tags.size()
	for _, arn := range arns {
		if _, err := s.compiledPolicy(ctx, arn); errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
			return 0, errs.Wrap(err, errs.Invalid, policy.CodeMalformed, "The policy %s does not exist or is not attachable.", clip(arn))
		} else if err != nil {
			return 0, err
		}
		size += len(arn)
	}
	const room = maxSessionPolicy + maxSessionARNs*204 // the longest policy, and ARNs of usual lengths
	packed := (size*100 + room - 1) / room
	if packed > 100 {
		return 0, errs.New(errs.Invalid, "PackedPolicyTooLarge", "Packed size of session policies and tags exceeds the limit by %d%%.", packed-100)
	}
	return packed, nil
}

// SessionToken makes credentials of the user, or the root key, of ctx, which end
// at the latest when that access key is disabled or deleted. It needs no
// permission: the credentials may do nothing that the key may not.
func (s *Service) SessionToken(ctx context.Context, d time.Duration) (Credentials, error) {
	parent, most, err := s.parent(ctx, "GetSessionToken", d)
	if err != nil {
		return Credentials{}, err
	}
	if d == 0 {
		d = min(12*time.Hour, most)
	}
	return s.newCredentials(parent, d)
}

// FederationInput says for whom to make credentials.
type FederationInput struct {
	Name       string // 2 to 32 characters
	Duration   time.Duration
	Policy     string
	PolicyARNs []string
	Tags       []Tag // of the session, for which the user needs sts:TagSession
}

// FederationToken makes credentials that somebody behind the user of ctx may
// have: they may do what both the user and the session policies allow. Without
// session policies they may do what resources' own policies allow them.
func (s *Service) FederationToken(ctx context.Context, in FederationInput) (Session, error) {
	arn := "arn:aws:sts::" + s.cfg.AccountID + ":federated-user/" + in.Name
	tags := newTagging(&Principal{}, in.Tags, nil)
	keyed := tags.keys(ctx)
	if err := s.Authorize(keyed, "sts:GetFederationToken", arn); err != nil {
		return Session{}, err
	}
	if tags.any() {
		if err := s.Authorize(keyed, "sts:TagSession", arn); err != nil {
			return Session{}, err
		}
	}
	if err := checkText(in.Name, "name", 2, 32, sessionNamePattern); err != nil {
		return Session{}, err
	}
	if err := tags.check(); err != nil {
		return Session{}, err
	}
	parent, most, err := s.parent(ctx, "GetFederationToken", in.Duration)
	if err != nil {
		return Session{}, err
	}
	if parent.Kind == rootSession {
		return Session{}, errs.New(errs.Denied, CodeAccessDenied, "GetFederationToken is for users; the root key can't call it.")
	}
	packed, err := s.checkSessionPolicies(ctx, in.Policy, in.PolicyARNs, &tags)
	if err != nil {
		return Session{}, err
	}
	if in.Duration == 0 {
		in.Duration = min(12*time.Hour, most)
	}
	parent.Kind, parent.Name, parent.Policy, parent.PolicyARNs = federatedSession, in.Name, in.Policy, in.PolicyARNs
	c, err := s.newCredentials(tags.of(parent), in.Duration)
	return Session{Credentials: c, ARN: arn, ID: s.cfg.AccountID + ":" + in.Name, Packed: packed}, err
}

// parent begins a session of the caller, who must have signed with a lasting
// key, and says how long it may be.
func (s *Service) parent(ctx context.Context, operation string, d time.Duration) (in session, most time.Duration, err error) {
	p, err := s.CallerIdentity(ctx)
	if err != nil {
		return in, 0, err
	}
	if err := checkDuration(d, maxTokenSession); err != nil {
		return in, 0, err
	}
	switch {
	case p.AccessKeyID == s.root.key.ID:
		in, most = session{Kind: rootSession, Parent: p.AccessKeyID}, maxRootSession
	case strings.HasPrefix(p.AccessKeyID, "AKIA") && p.rights != nil && p.rights.who.Type == policy.User:
		in, most = session{Kind: userSession, Parent: p.AccessKeyID, UserID: p.UserID}, maxTokenSession
	default:
		return in, 0, errs.New(errs.Denied, CodeAccessDenied, "Cannot call %s with session credentials", operation)
	}
	if d > most {
		return in, 0, constraint(strconv.Itoa(int(d/time.Second)), "durationSeconds", "Member must have value less than or equal to "+strconv.Itoa(int(most/time.Second)))
	}
	return in, most, nil
}

// KeyAccount returns the account that an access key belongs to, which is this
// one for keys that it issued.
func (s *Service) KeyAccount(ctx context.Context, id string) (string, error) {
	if err := s.Authorize(ctx, "sts:GetAccessKeyInfo", "*"); err != nil {
		return "", err
	}
	if err := checkText(id, "accessKeyId", 16, 128, regexp.MustCompile(`^\w*$`)); err != nil {
		return "", err
	}
	if id == s.root.key.ID || strings.HasPrefix(id, "ASIA") {
		return s.cfg.AccountID, nil
	}
	if s.access != nil {
		if _, err := s.access.get(ctx, id); err == nil {
			return s.cfg.AccountID, nil
		} else if !errs.Is(err, errs.NotFound) {
			return "", err
		}
	}
	return "", invalid("The access key %s was not issued by this server, so its account is not known here.", clip(id))
}
