package audit

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// What a decision can be.
const (
	Allowed = "allowed" // a policy allows the action
	Denied  = "denied"  // the caller is known and may not
	Refused = "refused" // nobody's call: no valid signature, or too many attempts
	Unasked = "open"    // the operation needs no permission
)

// Entry is one line of the trail: a decision, the end of a call that failed
// although it was allowed, or what happened to the trail itself. Members without
// a value are left out of the line.
type Entry struct {
	Time      time.Time `json:"time"`                // when it was decided
	Decision  string    `json:"decision,omitempty"`  // Allowed, Denied, Refused or Unasked; "" where nothing was decided
	Principal string    `json:"principal,omitempty"` // ARN
	Key       string    `json:"key,omitempty"`       // access key id that signed; of a refused call, the one it claims
	Action    string    `json:"action,omitempty"`    // e.g. "s3:GetObject"
	Resource  string    `json:"resource,omitempty"`  // ARN; method and path where no decision named one
	Operation string    `json:"operation,omitempty"` // as the API names it
	Request   string    `json:"request,omitempty"`   // request id; the caller has it too
	Source    string    `json:"source,omitempty"`    // address that the call came from
	Agent     string    `json:"agent,omitempty"`     // User-Agent
	Reason    string    `json:"reason,omitempty"`    // why it was denied
	Policy    string    `json:"policy,omitempty"`    // policy that decided
	Statement string    `json:"statement,omitempty"` // its statement: the Sid, or #1 for the first
	Error     string    `json:"error,omitempty"`     // code that the caller got
	Trail     string    `json:"trail,omitempty"`     // what happened to the trail itself, e.g. "begun"
	Detail    string    `json:"detail,omitempty"`    // in words
	Previous  string    `json:"previous,omitempty"`  // in a file's first line: the hash of the line before
	Seq       uint64    `json:"seq"`                 // 1 for the first entry of the trail
	Hash      string    `json:"hash"`                // SHA-256 over the previous hash and this line before ,"hash"

	// Durable asks that the entry is on disk when Record returns, and not only
	// handed to the operating system.
	Durable bool `json:"-"`
}

// maxText bounds, in bytes, each text of an entry that a caller chooses.
const maxText = 2048

// timeFormat has microseconds and no more, so that all times are equally long.
const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

// appendBody appends the line up to its seq, as json.Marshal would write it.
func (e *Entry) appendBody(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = appendTime(b, e.Time)
	b = append(b, '"')
	for _, m := range [...]struct{ name, value string }{
		{`,"decision":`, e.Decision},
		{`,"principal":`, e.Principal},
		{`,"key":`, e.Key},
		{`,"action":`, e.Action},
		{`,"resource":`, e.Resource},
		{`,"operation":`, e.Operation},
		{`,"request":`, e.Request},
		{`,"source":`, e.Source},
		{`,"agent":`, e.Agent},
		{`,"reason":`, e.Reason},
		{`,"policy":`, e.Policy},
		{`,"statement":`, e.Statement},
		{`,"error":`, e.Error},
		{`,"trail":`, e.Trail},
		{`,"detail":`, e.Detail},
		{`,"previous":`, e.Previous},
	} {
		if m.value != "" {
			b = append(b, m.name...)
			b = appendString(b, m.value)
		}
	}
	return append(b, `,"seq":`...)
}

// appendTime appends a time as timeFormat has it in UTC.
func appendTime(b []byte, at time.Time) []byte {
	at = at.UTC()
	year, month, day := at.Date()
	if year < 0 || year > 9999 {
		return at.AppendFormat(b, timeFormat)
	}
	hour, minute, second := at.Clock()
	for _, part := range [...]struct {
		value, digits int
		behind        byte
	}{{year, 4, '-'}, {int(month), 2, '-'}, {day, 2, 'T'}, {hour, 2, ':'}, {minute, 2, ':'}, {second, 2, '.'}, {at.Nanosecond() / 1000, 6, 'Z'}} {
		b = append(b, "000000"[:part.digits]...)
		for i, v := len(b)-1, part.value; v > 0; i, v = i-1, v/10 {
			b[i] = byte('0' + v%10)
		}
		b = append(b, part.behind)
	}
	return b
}

// plain are the bytes that stand for themselves in what json.Marshal writes.
var plain = func() (all [256]bool) {
	for c := ' '; c <= '~'; c++ {
		all[c] = !strings.ContainsRune(`"\<>&`, c)
	}
	return all
}()

// isPlain reports whether all bytes of s stand for themselves. It looks at eight
// at a time, and at the last ones, or the few of a short text, by themselves.
func isPlain(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		w := binary.LittleEndian.Uint64([]byte(s[:8]))
		// The top bits tell: of the difference, of a byte below ' '; of isByte, of one that is
		// escaped; their own, of what isn't ASCII. A borrow can raise a false alarm behind a true one.
		if ((w-0x20*ones)|isByte(w, '"')|isByte(w, '\\')|isByte(w, '&')|isByte(w|0x02*ones, '>')|isByte(w, 0x7f)|w)&(0x80*ones) != 0 {
			break
		}
	}
	for i := range len(s) {
		if !plain[s[i]] {
			return false
		}
	}
	return true
}

const ones = 0x0101010101010101

// isByte sets the top bit of each byte of w that is c, and maybe of bytes behind one.
func isByte(w uint64, c byte) uint64 {
	x := w ^ uint64(c)*ones
	return (x - ones) &^ x
}

// appendString appends s as a JSON string, cut at maxText.
func appendString(b []byte, s string) []byte {
	if len(s) > maxText {
		cut := maxText
		for cut > maxText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	if !isPlain(s) {
		quoted, _ := json.Marshal(s) // a string always encodes
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
