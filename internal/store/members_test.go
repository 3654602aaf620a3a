package store

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
)

func TestProject(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ doc, want string }{
		{`{}`, `{}`},
		{`{"a":1,"b":2}`, `{"a":1}`},
		{`{"b":2}`, `{}`},
		{`{"b":{"a":1,"c":[{"a":"}"}]},"a":[1,{"b":"]"}],"d":null}`, `{"a":[1,{"b":"]"}],"d":null}`},
		{`{"b":"\"a\":1,\\","a":"x\\\"","d":""}`, `{"a":"x\\\"","d":""}`},
		{`{"a":1`, `{"a":1`}, // what is not an object is for the decoder
		{`{"a":1} `, `{"a":1} `},
		{`{"a" :1}`, `{"a" :1}`},
		{`{"a":}`, `{"a":}`},
		{`[1]`, `[1]`},
		{`{"b`, `{"b`},
		{`{"b\`, `{"b\`},
		{``, ``},
	} {
		if got := string(project([]byte(test.doc), []string{"a", "d"})); got != test.want {
			t.Errorf("%s: got %s, want %s", test.doc, got, test.want)
		}
	}
}

// FuzzProject holds project against a decoder, on all objects that there are.
func FuzzProject(f *testing.F) {
	f.Add(`{"a":{"b":[1,"x"]},"d":"\\","c":false}`)
	f.Add(`{"b":-1e9,"a":"\"","é":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		members := []string{"a", "d"}
		project([]byte(text), members) // whatever it is
		var object map[string]any
		if json.Unmarshal([]byte(text), &object) != nil || object == nil {
			return
		}
		doc, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(project(doc, members), &got); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		for name := range object {
			if !slices.Contains(members, name) {
				delete(object, name)
			}
		}
		if !reflect.DeepEqual(got, object) {
			t.Errorf("%s: got %v, want %v", doc, got, object)
		}
	})
}

func TestListReadsOnlyTheMembersAskedFor(t *testing.T) {
	t.Parallel()
	fruits := NewCollection[fruit](newDB(t), "fruit")
	if _, err := fruits.Create(t.Context(), Record[fruit]{Name: "pear", Status: "ripe", Doc: fruit{Colour: "green", Seeds: 10}}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		members []string
		want    fruit
	}{
		{nil, fruit{"green", 10}},
		{[]string{"Seeds"}, fruit{"", 10}},
		{[]string{"Colour", "Seeds", "Taste"}, fruit{"green", 10}},
		{[]string{}, fruit{}},
	} {
		page, _, err := fruits.List(t.Context(), Query{Members: test.members})
		if err != nil || len(page) != 1 || page[0].Doc != test.want || page[0].Name != "pear" || page[0].Status != "ripe" {
			t.Errorf("%q: %+v, %v; want %+v", test.members, page, err, test.want)
		}
	}
}
