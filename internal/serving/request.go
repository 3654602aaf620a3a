package serving

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/heliograph/heliograph/fasttext"
)

// request is a decoded body, and scratch for answering it.
type request struct {
	texts []string
	k     int   // labels wanted for each text
	ks    []int // the same by text, if lines is set
	lines bool  // the answer is JSON Lines
	first int   // number of the body's first line in a larger file; 0 stands for 1

	predictions []fasttext.Prediction
	vector      []float32
	answer      answer // to all texts, if nobody shares them
}

var requests = sync.Pool{New: func() any { return new(request) }}

// recycle gives the scratch back. What a giant request made is left to the
// garbage collector.
func (r *request) recycle() {
	r.answer.buf = nil
	clear(r.texts) // so that the body can be collected
	clear(r.predictions[:cap(r.predictions)])
	r.texts, r.ks, r.k, r.lines, r.first = r.texts[:0], r.ks[:0], 0, false, 0
	if cap(r.texts) <= 4096 && cap(r.predictions) <= 4096 && cap(r.vector) <= 4096 {
		requests.Put(r)
	}
}

func (r *request) kOf(i int) int {
	if r.lines {
		return r.ks[i]
	}
	return r.k
}

// undecodable is how BlazingText begins the refusal of a body that it cannot read.
const undecodable = "Customer Error: Unable to decode payload: Incorrect data format. (caused by ValueError)"

// readJSON reads {"instances": ["text", ...], "configuration": {"k": 2}}. Other
// members are ignored; of members that appear twice, the last counts.
func (r *request) readJSON(body string) error {
	d := jsonReader{text: strings.TrimPrefix(body, "\ufeff")}
	r.k = 1
	if err := checkUTF8(d.text); err != nil {
		return err
	}
	found := false
	err := d.document(func() error {
		return d.object(func(member string) (err error) {
			switch member {
			case "instances":
				found = true
				r.texts, err = d.texts(r.texts[:0])
			case "configuration":
				r.k, err = d.configuration()
			default:
				err = d.skip(0)
			}
			return err
		})
	})
	if err == nil && !found {
		return refuse(400, `%s: the object has no "instances". Send {"instances": ["text", ...], "configuration": {"k": 1}}.`, undecodable)
	}
	return err
}

// readLines reads one {"source": "text", "k": 2} per line; k may be missing.
func (r *request) readLines(body string) error {
	r.lines, r.k = true, 1
	body = strings.TrimPrefix(body, "\ufeff")
	if err := checkUTF8(body); err != nil {
		return err
	}
	body = strings.TrimRight(body, " \t\r\n")
	for number := max(r.first, 1); body != ""; number++ {
		line, rest, _ := strings.Cut(body, "\n")
		body = rest
		d := jsonReader{text: line, line: number}
		text, k, found := "", 1, false
		err := d.document(func() error {
			return d.object(func(member string) (err error) {
				switch member {
				case "source":
					found = true
					text, err = d.string(`"source"`)
				case "k":
					k, err = d.count(`"k"`)
				default:
					err = d.skip(0)
				}
				return err
			})
		})
		if err != nil {
			return err
		}
		if !found {
			return refuse(400, `%s: line %d has no "source". Send {"source": "text", "k": 1} on each line.`, undecodable, number)
		}
		r.texts, r.ks, r.k = append(r.texts, text), append(r.ks, k), max(r.k, k)
	}
	if len(r.texts) == 0 {
		return refuse(400, `%s: the body is empty. Send {"source": "text"} on each line.`, undecodable)
	}
	return nil
}

func checkUTF8(text string) error {
	if utf8.ValidString(text) {
		return nil
	}
	at := 0
	for i, c := range text {
		if c == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				at = i
				break
			}
		}
	}
	return refuse(400, "%s: the body is not UTF-8 (at byte %d).", undecodable, at)
}

// texts reads the list of instances.
func (d *jsonReader) texts(texts []string) ([]string, error) {
	if d.peek() != '[' {
		return nil, d.fail(`"instances" must be a list of strings, found %s`, d.found())
	}
	err := d.list(func() error {
		if d.peek() != '"' {
			return d.fail(`each of the "instances" must be a string; number %d is %s`, len(texts)+1, d.found())
		}
		text, err := d.quoted()
		texts = append(texts, text)
		return err
	})
	return texts, err
}

// configuration reads {"k": 2}; null and an object without k stand for 1.
func (d *jsonReader) configuration() (k int, err error) {
	k = 1
	switch d.peek() {
	case 'n':
		return k, d.skip(0)
	case '{':
	default:
		return k, d.fail(`"configuration" must be an object, found %s`, d.found())
	}
	err = d.object(func(member string) (err error) {
		if member == "k" {
			k, err = d.count(`"k"`)
			return err
		}
		return d.skip(0)
	})
	return k, err
}
