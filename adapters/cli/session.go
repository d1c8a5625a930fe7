package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scrapli/scrapligo/driver/generic"
	modes "github.com/scrapli/scrapligo/driver/network"
	"github.com/scrapli/scrapligo/driver/opoptions"
	"github.com/scrapli/scrapligo/driver/options"
	"github.com/scrapli/scrapligo/response"
	"github.com/scrapli/scrapligo/util"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/devices"
)

// session is a command line of a device, ready for commands.
type session struct {
	target devices.Target
	link   *link
	driver *generic.Driver
	modes  *modes.Driver // nil when the platform's modes are not known
}

// login connects to a device and waits for its prompt.
func login(ctx context.Context, n *devices.Network, t devices.Target, timeout time.Duration) (*session, error) {
	conn, err := n.Dial(ctx, t)
	if err != nil {
		return nil, err
	}
	s := &session{target: t, link: &link{conn: conn, most: n.MaxBytes}}
	s.driver, s.modes, err = drivers(t, options.WithCustomTransport(s.link), options.WithTimeoutOps(n.ConnectTimeout()),
		options.WithAuthSecondary(t.Enable), options.WithAuthBypass())
	if err != nil {
		conn.Close()
		return nil, err
	}
	if s.modes != nil {
		err = s.modes.Open()
	} else if err = s.driver.Open(); err == nil {
		_, err = s.driver.GetPrompt()
	}
	if err != nil {
		err = s.failed(ctx, "logging in", err)
		s.close()
		return nil, err
	}
	s.driver.Channel.TimeoutOps = timeout
	return s, nil
}

func (s *session) close() {
	s.link.conn.Close()          // first, so that nothing waits for the device any more
	_ = s.driver.Channel.Close() // ends the reading; the link has closed
}

// run sends a command and waits for the prompt.
func (s *session) run(ctx context.Context, command string) (Output, error) {
	r, err := s.driver.SendCommand(command, opoptions.WithNoStripPrompt())
	if err != nil {
		return Output{Command: command}, s.failed(ctx, fmt.Sprintf("%q", command), err)
	}
	out := Output{Command: command, Output: s.withoutPrompt(r.Result)}
	if e, ok := errors.AsType[*response.OperationError](r.Failed); ok {
		out.Rejected = reason(out.Output, e.ErrorString)
	}
	return out, nil
}

// mode changes to a mode of the command line.
func (s *session) mode(ctx context.Context, name string) error {
	if s.modes == nil {
		return nil
	}
	if err := s.modes.AcquirePriv(name); err != nil {
		return s.failed(ctx, "entering the mode "+name, err)
	}
	return nil
}

// tail is how much of an output is searched for the prompt at its end.
const tail = 1000

// withoutPrompt cuts the prompt off the end. Lines before that look like one stay.
func (s *session) withoutPrompt(text string) string {
	from := max(0, len(text)-tail)
	for _, end := range []string{text[from:], text[from:] + " "} { // the blank after a prompt is gone, which its pattern may want
		found := s.driver.Channel.PromptPattern.FindAllStringIndex(end, -1)
		if found == nil {
			continue
		}
		if last := found[len(found)-1]; strings.TrimSpace(end[last[1]:]) == "" {
			text = strings.TrimRight(text[:from+last[0]], "\n")
			if above := dialects[s.target.Platform].above; above != nil {
				text = above.ReplaceAllString(text, "")
			}
			return text
		}
	}
	return text
}

// reason is the line of an output that says why a command was turned down.
func reason(output, sign string) string {
	for line := range strings.Lines(output) {
		if strings.Contains(line, sign) {
			return strings.TrimSpace(line)
		}
	}
	return sign
}

// failed says why something did not come to its end.
func (s *session) failed(ctx context.Context, doing string, err error) error {
	e := &adapters.Error{Class: adapters.ClassNetwork, Retryable: new(true)}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.link.why() != nil:
		return s.link.why()
	case errors.Is(err, util.ErrTimeoutError):
		e.Class, e.Text = adapters.ClassTimeout, fmt.Sprintf("%s: no prompt within %s", doing, s.driver.Channel.TimeoutOps)
		if s.modes != nil && s.modes.PrivilegeLevels[modePrivileged] != nil && s.target.Enable == "" && s.modes.CurrentPriv != modePrivileged {
			e.Text += "; the privileged mode may ask for a password, which /enable would hold"
		}
	case errors.Is(err, util.ErrPrivilegeError):
		e.Class, e.Text = adapters.ClassRemote, doing+": "+strings.TrimPrefix(err.Error(), util.ErrPrivilegeError.Error()+": ")
	default:
		e.Text = doing + ": the connection was lost"
	}
	return e
}
