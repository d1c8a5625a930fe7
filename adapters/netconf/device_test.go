package netconf_test

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/heddlehq/heddle/adapters/devices/devicetest"
)

// device is a NETCONF device with two stores of configuration.
type device struct {
	old          bool     // knows NETCONF 1.0 only
	capabilities []string // by their short names
	// answer gives the content of a reply instead of the device; ok false leaves it to the device
	answer func(operation string) (content string, ok bool)
	hangUp string // the operation at which the connection is cut
	silent string // the operation that is never answered

	mu        sync.Mutex
	running   string
	candidate string
	heard     []string
}

func (d *device) state() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running + "|" + d.candidate
}

func (d *device) operations() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.heard, " ")
}

func (d *device) start(t *testing.T) *devicetest.Device {
	t.Helper()
	return devicetest.Start(t, devicetest.Script{Subsystem: func(name string) devicetest.Part {
		if name != "netconf" {
			return nil
		}
		return d.play
	}})
}

const end = "]]>]]>"

func (d *device) play(channel io.ReadWriteCloser) {
	hello := `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability>`
	if !d.old {
		hello += "<capability>\n urn:ietf:params:netconf:base:1.1\n</capability>"
	}
	for _, c := range d.capabilities {
		hello += "<capability>urn:ietf:params:netconf:capability:" + c + "</capability>"
	}
	fmt.Fprint(channel, hello+"</capabilities><session-id>4</session-id></hello>"+end)
	in := bufio.NewReader(channel)
	if _, err := until(in); err != nil {
		return
	}
	for {
		message, err := d.read(in)
		if err != nil {
			return
		}
		var rpc struct {
			ID      string `xml:"message-id,attr"`
			Content string `xml:",innerxml"`
		}
		if xml.Unmarshal([]byte(message), &rpc) != nil {
			return
		}
		name := rpc.Content[1:strings.IndexAny(rpc.Content, " />")]
		d.mu.Lock()
		d.heard = append(d.heard, name)
		d.mu.Unlock()
		if name == d.hangUp {
			return
		}
		if name == d.silent {
			_, _ = io.Copy(io.Discard, in)
			return
		}
		d.write(channel, `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>`) // not to be taken for the answer
		d.write(channel, `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="`+rpc.ID+`">`+d.do(name, rpc.Content)+`</rpc-reply>`)
		if name == "close-session" {
			return
		}
	}
}

func (d *device) do(name, operation string) string {
	if d.answer != nil {
		if content, ok := d.answer(operation); ok {
			return content
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch name {
	case "get-config":
		if strings.Contains(operation, "<candidate/>") {
			return "<data>" + d.candidate + "</data>"
		}
		return "<data>" + d.running + "</data>"
	case "edit-config":
		config := operation[strings.Index(operation, "<config>")+8 : strings.Index(operation, "</config>")]
		if strings.Contains(config, "bogus") {
			return `<rpc-error><error-type>application</error-type><error-tag>invalid-value</error-tag><error-severity>error</error-severity>
				<error-path>/bogus</error-path><error-message xml:lang="en"> no such thing </error-message></rpc-error>`
		}
		if strings.Contains(operation, "<candidate/>") {
			d.candidate += config
		} else {
			d.running += config
		}
	case "commit":
		d.running, d.candidate = d.running+d.candidate, ""
	case "discard-changes":
		d.candidate = ""
	}
	return "<ok/>"
}

func until(in *bufio.Reader) (string, error) {
	var message strings.Builder
	for !strings.HasSuffix(message.String(), end) {
		b, err := in.ReadByte()
		if err != nil {
			return "", err
		}
		message.WriteByte(b)
	}
	return strings.TrimSuffix(message.String(), end), nil
}

func (d *device) read(in *bufio.Reader) (string, error) {
	if d.old {
		return until(in)
	}
	var message []byte
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		line = strings.TrimSpace(line)
		if line == "##" {
			return string(message), nil
		}
		if line == "" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimPrefix(line, "#"))
		if err != nil {
			return "", err
		}
		chunk := make([]byte, n)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return "", err
		}
		message = append(message, chunk...)
	}
}

// write sends a message in small pieces, as devices do.
func (d *device) write(w io.Writer, message string) {
	if d.old {
		fmt.Fprint(w, message, end)
		return
	}
	for len(message) > 0 {
		n := min(len(message), 4000)
		fmt.Fprintf(w, "\n#%d\n%s", n, message[:n])
		message = message[n:]
	}
	fmt.Fprint(w, "\n##\n")
}
