package cases

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/iam/policy"
)

// MaxFile bounds a file of cases, in bytes.
const MaxFile = 4 << 20

// Read reads the cases of a file. open returns the policy files that it names,
// relative to it; nil refuses them. Errors name the line.
func Read(src []byte, open func(name string) ([]byte, error)) ([]Case, error) {
	if len(src) > MaxFile {
		return nil, fmt.Errorf("the file has %d bytes; at most %d are allowed", len(src), MaxFile)
	}
	if !utf8.Valid(src) {
		return nil, errors.New("the file is not UTF-8 text")
	}
	f := &file{lines: strings.Split(string(src), "\n"), open: open, policies: map[string]*policy.Document{}, account: DefaultAccount}
	for f.at < len(f.lines) {
		line := strings.TrimSpace(f.lines[f.at])
		f.at++
		if line == "" || line[0] == '#' {
			continue
		}
		if err := f.read(line); err != nil {
			return nil, fmt.Errorf("%d: %w", f.at, err)
		}
	}
	if len(f.cases) == 0 {
		return nil, errors.New("the file has no cases; one is written so: s3:GetObject on arn:aws:s3:::bucket/key is allowed")
	}
	return f.cases, nil
}

// file is what has been read so far: what is in force for the cases to come.
type file struct {
	lines    []string
	at       int // lines read
	open     func(string) ([]byte, error)
	policies map[string]*policy.Document
	given    policy.Policies
	text     string // of given
	chosen   bool   // given was said
	account  string // of principals that name none
	owner    string // account of the resource
	who      policy.Principal
	cases    []Case
}

// kinds are the words before "policy".
var kinds = map[string]policy.Kind{"": policy.Identity, "identity": policy.Identity, "resource": policy.Resource, "trust": policy.Trust}

func (f *file) read(line string) error {
	first, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	kind, isKind := kinds[first]
	second, after, _ := strings.Cut(rest, " ")
	switch {
	case first == "policy":
		return f.define(policy.Identity, rest)
	case isKind && second == "policy":
		return f.define(kind, strings.TrimSpace(after))
	case first == "refused":
		return f.refused(line, rest)
	case first == "given":
		return f.give(rest)
	case first == "account":
		f.who = policy.Principal{} // it was of the account before
		return setAccount(&f.account, rest)
	case first == "as":
		return f.as(rest)
	case second == "on":
		return f.call(line)
	}
	return fmt.Errorf("a line begins with policy, account, given, as or refused, or is a call: ACTION on RESOURCE is allowed; this is none: %.80s", line)
}

// define is: policy NAME {…}, or policy NAME from FILE.
func (f *file) define(kind policy.Kind, rest string) error {
	name, rest, _ := strings.Cut(rest, " ")
	rest = strings.TrimSpace(rest)
	if name == "" || strings.ContainsAny(name, "{}#,\"") {
		return fmt.Errorf("a policy needs a name without any of {}#,\" before its text, not %q", name)
	}
	if _, taken := f.policies[name]; taken {
		return fmt.Errorf("there is a policy %s already", name)
	}
	start := f.at
	src, err := f.source(rest)
	if err != nil {
		return fmt.Errorf("policy %s: %w", name, err)
	}
	d, err := policy.Parse(src, kind)
	if err != nil {
		f.at = start // the message counts the policy's own lines
		return fmt.Errorf("policy %s: %w", name, err)
	}
	f.policies[name] = d
	return nil
}

// source is the text of a policy: here, or in a file.
func (f *file) source(rest string) ([]byte, error) {
	if path, ok := strings.CutPrefix(rest, "from "); ok {
		if f.open == nil {
			return nil, errors.New("files can't be read here")
		}
		return f.open(strings.TrimSpace(path))
	}
	text, tail, err := f.object(rest)
	if err == nil && tail != "" {
		err = fmt.Errorf("there is more behind its closing brace: %.40s", tail)
	}
	return []byte(text), err
}

// object reads a JSON object that begins in rest and may go on over the next
// lines, and what stands behind it.
func (f *file) object(rest string) (text, tail string, err error) {
	if !strings.HasPrefix(rest, "{") {
		return "", "", errors.New("its text must be a JSON object that begins in the same line, or from FILE")
	}
	var b strings.Builder
	depth, inString, escaped := 0, false, false
	for {
		for i, c := range []byte(rest) {
			switch {
			case escaped:
				escaped = false
			case inString:
				escaped, inString = c == '\\', c != '"'
			case c == '"':
				inString = true
			case c == '{':
				depth++
			case c == '}':
				if depth--; depth == 0 {
					b.WriteString(rest[:i+1])
					return b.String(), strings.TrimSpace(rest[i+1:]), nil
				}
			}
		}
		if f.at == len(f.lines) {
			return "", "", errors.New("its text has no closing brace")
		}
		b.WriteString(rest)
		b.WriteByte('\n')
		rest = f.lines[f.at]
		f.at++
	}
}

// refused is: refused [resource|trust] policy {…} because TEXT.
func (f *file) refused(line, rest string) error {
	c := Case{Line: f.at, Text: line, refusal: &refusal{}}
	first, after, _ := strings.Cut(rest, " ")
	if kind, ok := kinds[first]; ok {
		c.refusal.kind = kind
		first, after, _ = strings.Cut(strings.TrimSpace(after), " ")
	}
	if first != "policy" {
		return errors.New("refused must be followed by policy, resource policy or trust policy and its text")
	}
	text, tail, err := f.object(strings.TrimSpace(after))
	if err != nil {
		return err
	}
	why, ok := strings.CutPrefix(tail, "because ")
	if !ok || strings.TrimSpace(why) == "" {
		return errors.New("behind a refused policy must stand: because, and words of the message")
	}
	c.refusal.src, c.want.text = text, strings.TrimSpace(why)
	f.cases = append(f.cases, c)
	return nil
}

func (c *Case) checkRefusal() (want, got string) {
	want = "is refused because " + c.want.text
	_, err := policy.Parse([]byte(c.refusal.src), c.refusal.kind)
	switch {
	case err == nil:
		return want, "is accepted"
	case strings.Contains(errs.MessageOf(err), c.want.text):
		return want, want
	}
	return want, "is refused because " + errs.MessageOf(err)
}
