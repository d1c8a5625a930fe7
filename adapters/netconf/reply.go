package netconf

import (
	"encoding/xml"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/workflows/value"
)

// reply is a device's answer to an operation.
type reply struct {
	XMLName xml.Name
	ID      string     `xml:"message-id,attr"`
	Errors  []rpcError `xml:"rpc-error"`
	Data    *struct {
		Content string `xml:",innerxml"`
	} `xml:"data"`
	Content string `xml:",innerxml"`
}

type rpcError struct {
	Type     string `xml:"error-type"`
	Tag      string `xml:"error-tag"`
	Severity string `xml:"error-severity"`
	Path     string `xml:"error-path"`
	Message  string `xml:"error-message"`
}

func (e *rpcError) warning() bool { return strings.TrimSpace(e.Severity) == "warning" }

func (e *rpcError) text() string {
	text := strings.TrimSpace(e.Message)
	if text == "" {
		text = "the device refused it"
	}
	if tag := strings.TrimSpace(e.Tag); tag != "" {
		text += " (" + tag + ")"
	}
	if path := strings.TrimSpace(e.Path); path != "" {
		text += " at " + path
	}
	return text
}

// passing are the errors that may be gone the next time.
var passing = map[string]bool{"in-use": true, "lock-denied": true, "resource-denied": true}

// err is what the device says went wrong; nil when nothing did.
func (r *reply) err() error {
	var lines []string
	class, again := adapters.ClassRemote, true
	for _, e := range r.Errors {
		if e.warning() {
			continue
		}
		tag := strings.TrimSpace(e.Tag)
		if tag == "access-denied" {
			class = adapters.ClassAuth
		}
		again = again && passing[tag]
		lines = append(lines, e.text())
	}
	if lines == nil {
		return nil
	}
	return &adapters.Error{Class: class, Text: strings.Join(lines, "; "), Retryable: &again}
}

func (r *reply) warnings() []string {
	var out []string
	for _, e := range r.Errors {
		if e.warning() {
			out = append(out, e.text())
		}
	}
	return out
}

// content is what the device gave: what is in its data, if it gave that.
func (r *reply) content() string {
	if r.Data != nil {
		return strings.TrimSpace(r.Data.Content)
	}
	return strings.TrimSpace(r.Content)
}

// maxDepth bounds how deep elements may lie in each other.
const maxDepth = 200

// wellFormed checks that a text is elements, each closed, and nothing that reaches outside of them.
func wellFormed(text string) error {
	_, err := elements(text)
	return err
}

// toValue is elements by their names: an element without elements and attributes is its text, one that
// occurs several times a list, attributes have names that begin with @, text beside them is #text.
func toValue(text string) (value.Value, error) {
	v, err := elements(text)
	if err != nil {
		return v, protocol("its answer %v", err)
	}
	return v, nil
}
