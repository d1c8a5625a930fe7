package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

type outgoing struct {
	Key     string            `json:"key,omitempty" doc:"messages of the same key keep their order"`
	Value   value.Value       `json:"value" doc:"sent as JSON unless it is a text; null deletes the key where topics are compacted"`
	Headers map[string]string `json:"headers,omitempty" doc:"headers by name"`
}

type produceInput struct {
	Topic    string     `json:"topic" doc:"where the messages go"`
	Messages []outgoing `json:"messages" doc:"what to add"`
}

type place struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

type produceOutput struct {
	Offsets []place `json:"offsets" doc:"where each message is now"`
}

// maxMessages bounds a batch.
const maxMessages = 10_000

// keyHeader carries the order's idempotency key and the number of the message, by which
// receivers can tell repeated ones.
const keyHeader = "heddle-key"

func produce(ctx context.Context, call *adapters.Call, in produceInput) (produceOutput, error) {
	c := adapters.Client[*cluster](call)
	if err := c.permit(in.Topic); err != nil {
		return produceOutput{}, err
	}
	if n := len(in.Messages); n == 0 || n > maxMessages {
		return produceOutput{}, network.Wrong("/messages must be from 1 to %d, not %d", maxMessages, n)
	}
	records := make([]*kgo.Record, len(in.Messages))
	for i, m := range in.Messages {
		r := &kgo.Record{Topic: in.Topic}
		if m.Key != "" {
			r.Key = []byte(m.Key)
		}
		switch {
		case m.Value.IsString():
			r.Value = []byte(m.Value.Text())
		case !m.Value.IsNothing():
			r.Value = m.Value.AppendJSON(nil)
		}
		for name, text := range m.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(text)})
		}
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: keyHeader, Value: fmt.Appendf(nil, "%s#%d", call.Order.Key, i)})
		records[i] = r
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	out := produceOutput{make([]place, len(records))}
	results := c.client.ProduceSync(bounded, records...)
	if err := results.FirstErr(); err != nil {
		stored := 0
		for _, r := range results {
			if r.Err == nil {
				stored++
			}
		}
		err = c.because(ctx, err)
		if e, ok := errors.AsType[*adapters.Error](err); ok && stored > 0 {
			e.Details = value.Object("stored", value.Int(int64(stored)))
		}
		return produceOutput{}, err
	}
	for i, r := range records {
		out.Offsets[i] = place{r.Partition, r.Offset}
	}
	return out, nil
}

// offsets are places in a topic by the number of the partition.
type offsets map[string]int64

func (o offsets) check(pointer string) (map[int32]int64, error) {
	out := map[int32]int64{}
	for text, at := range o {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 || at < 0 {
			return nil, network.Wrong("%s/%s must be the number of a partition with an offset", pointer, value.EscapePointer(text))
		}
		out[int32(n)] = at
	}
	return out, nil
}

type consumeInput struct {
	Topic       string  `json:"topic" doc:"where the messages are"`
	Offsets     offsets `json:"offsets,omitempty" doc:"where to begin, by the number of the partition; as an earlier consume gave them in next"`
	Group       string  `json:"group,omitempty" doc:"begin where this group is, in partitions without an offset here"`
	Start       string  `json:"start,omitempty" enum:"earliest,latest" doc:"where to begin otherwise; earliest unless given"`
	MaxMessages int     `json:"maxMessages,omitempty" doc:"most messages to get; 100 unless given, 10000 at most"`
	WaitSeconds float64 `json:"waitSeconds,omitempty" doc:"how long to wait for a first message; 5 unless given, 300 at most"`
}

type incoming struct {
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Key       string            `json:"key"`
	Value     value.Value       `json:"value" doc:"read when it is JSON; in base64 when it is no text"`
	Headers   map[string]string `json:"headers"`
	Time      value.Value       `json:"time"`
}

type consumeOutput struct {
	Messages []incoming `json:"messages" doc:"in the order of each partition"`
	Next     offsets    `json:"next" doc:"where to go on, by the number of the partition"`
	Count    int        `json:"count" doc:"how many messages there are here"`
}

func consume(ctx context.Context, call *adapters.Call, in consumeInput) (consumeOutput, error) {
	c := adapters.Client[*cluster](call)
	out := consumeOutput{Messages: []incoming{}, Next: offsets{}}
	if err := c.permit(in.Topic); err != nil {
		return out, err
	}
	most, err := network.Bounds("/maxMessages", in.MaxMessages, 100, maxMessages)
	if err != nil {
		return out, err
	}
	wait, err := network.Bounds("/waitSeconds", in.WaitSeconds, 5, 300)
	if err != nil {
		return out, err
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	from, ends, err := c.begin(bounded, &in)
	if err != nil {
		return out, c.because(ctx, err)
	}
	for p, at := range from {
		out.Next[strconv.Itoa(int(p))] = at
	}
	waiting, stop := context.WithTimeout(ctx, time.Duration(wait*float64(time.Second)))
	defer stop()
	if err := c.fill(waiting, &out, in.Topic, from, ends, most); err != nil {
		return consumeOutput{}, c.because(ctx, err)
	}
	out.Count = len(out.Messages)
	return out, nil
}

// begin finds where to start in each partition, and where they end now.
func (c *cluster) begin(ctx context.Context, in *consumeInput) (from, ends map[int32]int64, err error) {
	chosen, err := in.Offsets.check("/offsets")
	if err != nil {
		return nil, nil, err
	}
	first, err := c.admin.ListStartOffsets(ctx, in.Topic)
	if err == nil {
		err = first.Error()
	}
	if err != nil {
		return nil, nil, err
	}
	last, err := c.admin.ListEndOffsets(ctx, in.Topic)
	if err == nil {
		err = last.Error()
	}
	if err != nil {
		return nil, nil, err
	}
	var group kadm.OffsetResponses
	if in.Group != "" {
		if group, err = c.admin.FetchOffsetsForTopics(ctx, in.Group, in.Topic); err == nil {
			err = group.Error()
		}
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // a group begins with its first commit
			return nil, nil, err
		}
	}
	from, ends = map[int32]int64{}, map[int32]int64{}
	first.Each(func(o kadm.ListedOffset) {
		from[o.Partition] = o.Offset
		if end, ok := last.Lookup(in.Topic, o.Partition); ok {
			ends[o.Partition] = end.Offset
		}
		if in.Start == "latest" {
			from[o.Partition] = ends[o.Partition]
		}
		if at, ok := group.Lookup(in.Topic, o.Partition); ok && at.At >= 0 {
			from[o.Partition] = max(at.At, o.Offset)
		}
		if at, ok := chosen[o.Partition]; ok {
			from[o.Partition] = at
		}
	})
	for p := range chosen {
		if _, ok := from[p]; !ok {
			return nil, nil, network.Wrong("/offsets/%d: the topic has no such partition", p)
		}
	}
	return from, ends, nil
}

// fill gets messages until there are enough, or no more for now, or ctx ends.
func (c *cluster) fill(ctx context.Context, out *consumeOutput, topic string, from, ends map[int32]int64, most int) error {
	partitions := map[int32]kgo.Offset{}
	for p, at := range from {
		partitions[p] = kgo.NewOffset().At(at)
	}
	reader, err := kgo.NewClient(append(c.options[:len(c.options):len(c.options)],
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: partitions}), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxBytes(int32(c.MaxBytes)), kgo.FetchMaxWait(500*time.Millisecond))...)
	if err != nil {
		return err
	}
	defer reader.Close()
	left := c.MaxBytes
	for len(out.Messages) < most {
		got := reader.PollRecords(ctx, most-len(out.Messages))
		for _, e := range got.Errors() {
			if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
				return e.Err
			}
		}
		for _, r := range got.Records() {
			if left -= int64(len(r.Key) + len(r.Value)); left < 0 {
				if len(out.Messages) == 0 {
					return network.TooMuch("the message %d of partition %d is larger than the %d bytes the adapter instance allows", r.Offset, r.Partition, c.MaxBytes)
				}
				return nil
			}
			out.Messages = append(out.Messages, read(r))
			out.Next[strconv.Itoa(int(r.Partition))] = r.Offset + 1
		}
		if ctx.Err() != nil || len(out.Messages) > 0 && caughtUp(out.Next, ends) {
			return nil
		}
	}
	return nil
}

func caughtUp(next offsets, ends map[int32]int64) bool {
	for p, end := range ends {
		if next[strconv.Itoa(int(p))] < end {
			return false
		}
	}
	return true
}

func read(r *kgo.Record) incoming {
	m := incoming{
		Partition: r.Partition, Offset: r.Offset, Key: text(r.Key), Value: value.Null, Headers: map[string]string{}, Time: value.Time(r.Timestamp),
	}
	switch {
	case r.Value == nil:
	case utf8.Valid(r.Value):
		m.Value = value.OfBody(r.Value)
	default:
		m.Value = value.String(text(r.Value))
	}
	for _, h := range r.Headers {
		m.Headers[h.Key] = text(h.Value)
	}
	return m
}

func text(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	return base64.StdEncoding.EncodeToString(data)
}

type commitInput struct {
	Topic   string  `json:"topic" doc:"where the messages are"`
	Group   string  `json:"group" doc:"whose place it is"`
	Offsets offsets `json:"offsets" doc:"the next message to get, by the number of the partition; as consume gave them in next"`
}

func commit(ctx context.Context, call *adapters.Call, in commitInput) (bool, error) {
	c := adapters.Client[*cluster](call)
	if err := c.permit(in.Topic); err != nil {
		return false, err
	}
	at, err := in.Offsets.check("/offsets")
	if err != nil {
		return false, err
	}
	if in.Group == "" {
		return false, network.Wrong("/group must be the name of a group")
	}
	var all kadm.Offsets
	for p, offset := range at {
		all.Add(kadm.Offset{Topic: in.Topic, Partition: p, At: offset, LeaderEpoch: -1})
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	got, err := c.admin.CommitOffsets(bounded, in.Group, all)
	if err == nil {
		err = got.Error()
	}
	if err != nil {
		if errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.RebalanceInProgress) {
			return false, network.Remote(true, "the group %s has members of its own at work", in.Group)
		}
		return false, c.because(ctx, err)
	}
	return true, nil
}
