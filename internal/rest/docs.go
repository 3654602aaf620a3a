package rest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.tmpl.html
var docsText string

// docOperation is what the documentation says of one operation.
type docOperation struct {
	*huma.Operation
	Inputs  []docMember
	Answer  string // status of success
	Outputs []docMember
}

type docMember struct {
	Name, Type, Doc, Example string
	Required                 bool
}

// document renders the documentation as one page without scripts and without
// anything from elsewhere.
func document(spec *huma.OpenAPI) []byte {
	var operations []docOperation
	for _, path := range sortedKeys(spec.Paths) {
		item := spec.Paths[path]
		for _, op := range operationsOf(item) {
			operations = append(operations, describe(spec, op))
		}
	}
	var out bytes.Buffer
	page := template.Must(template.New("docs").Parse(docsText))
	if err := page.Execute(&out, map[string]any{"Info": spec.Info, "Operations": operations, "OpenAPI": OpenAPIPath}); err != nil {
		panic(fmt.Sprintf("rest: render the documentation: %v", err)) // of our own template: a test would show it
	}
	return out.Bytes()
}

func operationsOf(item *huma.PathItem) (all []*huma.Operation) {
	for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
		if op != nil {
			all = append(all, op)
		}
	}
	return all
}

func describe(spec *huma.OpenAPI, op *huma.Operation) docOperation {
	d := docOperation{Operation: op}
	for _, p := range op.Parameters {
		d.Inputs = append(d.Inputs, docMember{Name: p.Name + " (" + p.In + ")", Type: typeOf(p.Schema), Doc: p.Description, Example: example(p.Example, p.Schema), Required: p.Required})
	}
	if op.RequestBody != nil {
		d.Inputs = append(d.Inputs, members(spec, op.RequestBody.Content["application/json"].Schema, "")...)
	}
	for _, status := range sortedKeys(op.Responses) {
		if strings.HasPrefix(status, "2") {
			d.Answer = status
			if content := op.Responses[status].Content["application/json"]; content != nil {
				d.Outputs = members(spec, content.Schema, "")
				for i := range d.Outputs {
					d.Outputs[i].Required = false // of use to who sends, not to who reads
				}
			}
		}
	}
	return d
}

// members lists the members of an object schema, those of nested objects with
// their path.
func members(spec *huma.OpenAPI, s *huma.Schema, prefix string) []docMember {
	if s != nil && s.Ref != "" {
		s = spec.Components.Schemas.SchemaFromRef(s.Ref)
	}
	if s == nil {
		return nil
	}
	var out []docMember
	for _, name := range sortedKeys(s.Properties) {
		m := s.Properties[name]
		nested, path := m, prefix+name
		if m.Type == huma.TypeArray && m.Items != nil {
			nested, path = m.Items, path+"[]"
		}
		if below := members(spec, nested, path+"."); len(below) > 0 {
			out = append(out, below...)
			continue
		}
		out = append(out, docMember{Name: prefix + name, Type: typeOf(m), Doc: m.Description, Example: example(nil, m), Required: slices.Contains(s.Required, name)})
	}
	return out
}

func typeOf(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case len(s.Enum) > 0:
		names := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			names[i] = fmt.Sprint(v)
		}
		return strings.Join(names, " | ")
	case s.Type == huma.TypeArray:
		return "list of " + typeOf(s.Items)
	case s.Format == "date-time":
		return "time"
	}
	return s.Type
}

func example(of any, s *huma.Schema) string {
	if of == nil && s != nil && len(s.Examples) > 0 {
		of = s.Examples[0]
	}
	if of == nil {
		return ""
	}
	text, _ := json.Marshal(of) // came from JSON
	return string(text)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
