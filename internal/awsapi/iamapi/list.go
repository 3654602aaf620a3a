package iamapi

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/heliograph/heliograph/internal/iam"
)

// List is a list of an answer. It is there even when it is empty, since clients
// look for it; encoding/xml leaves the element of an empty slice out.
type List[T any] struct {
	Items []T `xml:"member"`
}

// MarshalJSON writes a list as JSON has it.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l.Items == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(l.Items)
}

// Document is the text of a policy, percent-encoded (RFC 3986) as answers hold it.
type Document string

func document(text string) Document {
	return Document(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"))
}

// Text is the policy's JSON.
func (d Document) Text() string {
	text, err := url.PathUnescape(string(d))
	if err != nil {
		return string(d)
	}
	return text
}

// MarshalJSON writes the policy itself, as other tools for IAM show it.
func (d Document) MarshalJSON() ([]byte, error) {
	if text := d.Text(); json.Valid([]byte(text)) {
		return []byte(text), nil
	}
	return json.Marshal(d.Text())
}

// listOf makes the list of an answer.
func listOf[From, To any](from []From, convert func(From) To) List[To] {
	l := List[To]{Items: make([]To, len(from))}
	for i, f := range from {
		l.Items[i] = convert(f)
	}
	return l
}

// Tag is a tag of a user, role or policy.
type Tag struct{ Key, Value string }

// optionalTags are tags where AWS leaves out an empty list.
func optionalTags(tags []iam.Tag) *List[Tag] {
	if len(tags) == 0 {
		return nil
	}
	l := tagList(tags)
	return &l
}

func tagList(tags []iam.Tag) List[Tag] {
	return listOf(tags, func(t iam.Tag) Tag { return Tag(t) })
}

func given(tags []Tag) []iam.Tag {
	return listOf(tags, func(t Tag) iam.Tag { return iam.Tag(t) }).Items
}

// Boundary is the managed policy that bounds the rights of a user or role.
type Boundary struct {
	PermissionsBoundaryType string
	PermissionsBoundaryArn  string
}

func boundary(arn string) *Boundary {
	if arn == "" {
		return nil
	}
	return &Boundary{"Policy", arn}
}
