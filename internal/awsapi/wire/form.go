package wire

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
)

// maxFormItems bounds the length of one list in a form.
const maxFormItems = 1000

// DecodeForm fills the struct that into points to from Query parameters. A
// field Name takes the parameter Name, or the one in its tag form; strings,
// booleans, integers, floats, time.Time and Time (RFC 3339), structs (Name.Field; embedded
// ones Field), pointers to these and slices (Name.member.1, also Name.1) are known.
// Lists are counted from 1 without
// gaps. Unknown parameters are ignored. A wrong value is a ValidationError that
// names the parameter.
func DecodeForm(form url.Values, into any) error {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	d := formDecoder{form: form, names: names}
	_, err := d.fill("", reflect.ValueOf(into).Elem())
	return err
}

type formDecoder struct {
	form  url.Values
	names []string // sorted
}

// has reports whether a parameter is named prefix or starts with prefix and a dot.
func (d *formDecoder) has(prefix string) bool {
	if _, ok := d.form[prefix]; ok {
		return true
	}
	i, _ := slices.BinarySearch(d.names, prefix+".")
	return i < len(d.names) && strings.HasPrefix(d.names[i], prefix+".")
}

// fill sets v from the parameters under name and reports whether there are any.
func (d *formDecoder) fill(name string, v reflect.Value) (bool, error) {
	if name != "" && !d.has(name) {
		return false, nil
	}
	switch {
	case v.Kind() == reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		set, err := d.fill(name, p.Elem())
		if set && err == nil {
			v.Set(p)
		}
		return set, err
	case v.Kind() == reflect.Struct && !isTime(v.Type()):
		return d.fillStruct(name, v)
	case v.Kind() == reflect.Slice:
		return d.fillSlice(name, v)
	}
	text, ok := d.form[name]
	if !ok {
		return false, nil
	}
	if err := setScalar(v, text[0]); err != "" {
		return true, errs.New(errs.Invalid, "ValidationError", "The value %q of the parameter %s must be %s.", clip(text[0], 100), clip(name, 100), err)
	}
	return true, nil
}

func (d *formDecoder) fillStruct(name string, v reflect.Value) (any bool, err error) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		field := f.Name
		if tag := f.Tag.Get("form"); tag != "" {
			field = tag
		}
		if f.Anonymous {
			field = name // its fields are those of the struct around it
		} else if name != "" {
			field = name + "." + field
		}
		fill := d.fill
		if f.Anonymous {
			fill = d.fillStruct
		}
		set, err := fill(field, v.Field(i))
		if err != nil {
			return true, err
		}
		any = any || set
	}
	return any, nil
}

func (d *formDecoder) fillSlice(name string, v reflect.Value) (bool, error) {
	prefix := name + "."
	if d.has(name + ".member") {
		prefix = name + ".member."
	}
	list := reflect.MakeSlice(v.Type(), 0, 0)
	for n := 1; d.has(prefix + strconv.Itoa(n)); n++ {
		if n > maxFormItems {
			return true, errs.New(errs.Invalid, "ValidationError", "The list %s has more than %d items.", clip(name, 100), maxFormItems)
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if _, err := d.fill(prefix+strconv.Itoa(n), item); err != nil {
			return true, err
		}
		list = reflect.Append(list, item)
	}
	v.Set(list)
	return true, nil
}

func isTime(t reflect.Type) bool {
	return t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[Time]()
}

// setScalar returns what the text would have to be, or "" if it was.
func setScalar(v reflect.Value, text string) string {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return "true or false"
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return "an integer in range"
		}
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			return "a number in range"
		}
		v.SetFloat(f)
	case reflect.Struct: // a time
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return "a time such as 2026-01-02T15:04:05Z"
		}
		v.Set(reflect.ValueOf(t).Convert(v.Type()))
	default:
		panic("wire: a form field of type " + v.Type().String())
	}
	return ""
}
