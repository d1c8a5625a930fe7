package server

import (
	"encoding/base64"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/receiver"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// maxWebhook bounds the body of a webhook.
const maxWebhook = 512 << 10

// errNoWebhook is all that a sender is told, whatever is wrong: nobody learns which webhooks there are.
var errNoWebhook = refuse(missing, "there is no such webhook, or the call is not signed as it demands")

// receiveWebhook takes a signed call of another system as a platform event, once.
func receiveWebhook(c *call) (value.Value, error) {
	ctx, name := c.Request().Context(), c.text("name")
	body, err := c.bytes()
	if err != nil {
		return value.Absent, err
	}
	config, err := c.receiver(name)
	if err != nil {
		c.Log.Warn("webhook refused", "adapter", clip(name), "err", err)
	}
	d, refused := config.Verify(c.Request().Header, body, c.Now()) // for unknown names, too: it takes as long
	if err == nil && refused != nil {
		c.Log.Info("webhook refused", "adapter", name, "err", refused)
	}
	if err != nil || refused != nil {
		return value.Absent, errNoWebhook
	}
	id := "webhook/" + hashed(name, d.ID)
	if _, err := c.Store.Get(ctx, store.Answers, id); err == nil {
		return enveloped("The webhook was taken before", value.Object("id", value.String(d.ID))), nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return value.Absent, err
	}
	// The stream drops what comes twice at the same time.
	err = adapters.Emit(ctx, c.Runner.Bus, adapters.Event{Source: name, Topic: d.Topic, Instance: name, ID: id, Body: bodyOf(body)})
	if err != nil {
		return value.Absent, err
	}
	seen := value.Object("_id", value.String(id), "expires", value.Int(c.Now().Add(d.Valid+time.Minute).UnixMilli()))
	if err := c.save(store.Answers, "webhook", seen, store.New); err != nil && !errors.Is(err, store.ErrConflict) {
		return value.Absent, err // it is sent again, and taken again
	}
	return enveloped("Successfully took the webhook", value.Object("id", value.String(d.ID))), nil
}

// receiver reads the instance of that name, if it is a receiver that is started. Its
// configuration is never complete beside an error.
func (c *call) receiver(name string) (config receiver.Config, err error) {
	ctx := c.Request().Context()
	i, err := c.Adapters.Get(ctx, name)
	if err == nil && (i.App != receiver.App || i.Stopped) {
		err = errors.New("no webhook receiver that is started")
	}
	if err != nil {
		return receiver.Config{Secret: "nobody's"}, err
	}
	resolved, err := adapters.Resolve(ctx, c.Adapters.Secrets, i.Config)
	if err == nil {
		err = resolved.Decode(&config)
	}
	return config, err
}

// bodyOf is a body as a value: JSON if it is that, else a text.
func bodyOf(body []byte) value.Value {
	if v, err := value.Parse(body); err == nil {
		return v
	}
	if !utf8.Valid(body) {
		return value.Object("base64", value.String(base64.StdEncoding.EncodeToString(body)))
	}
	return value.String(string(body))
}
