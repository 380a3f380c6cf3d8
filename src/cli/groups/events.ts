import type { Command } from 'commander';
import { add, collect } from './command.js';

const load = () => import('../commands/events.js');
const loadSubscriptions = () => import('../commands/subscriptions.js');
const loadWebhooks = () => import('../commands/webhooks.js');
const OVERLAP = ['--overlap <seconds>', 'the former secret counts for so much longer'] as const;

/** What goes out to subscribers, and what comes in from schools' systems. */
export function events(root: Command): void {
  subscriptions(root.command('subscriptions').description('who is told of what happens'));
  const group = root.command('events').description('what happened, and what became of telling it');
  add(group, 'list <institution>', {
    does: 'lists events, newest first',
    example: 'smartid events list INSTITUTION --type sync.held',
    run: async () => (await load()).listEvents,
  })
    .option('--type <type>', 'of this type; may be given again', collect)
    .option('--integration <id>', 'of this integration')
    .option('--limit <number>', 'at most so many; else 100');
  add(group, 'deliveries <institution>', {
    does: 'lists what became of telling events',
    example: 'smartid events deliveries INSTITUTION --status DEAD',
    run: async () => (await load()).listEventDeliveries,
  })
    .option('--event <id>', 'of this event')
    .option('--subscription <id>', 'to this subscription')
    .option('--status <status>', 'WAITING, DELIVERED or DEAD')
    .option('--limit <number>', 'at most so many; else 100');
  add(group, 'replay <institution> <event>', {
    does: 'tells an event once more, under the same id',
    example: 'smartid events replay INSTITUTION EVENT',
    run: async () => (await load()).replayEvent,
  }).option('--subscription <id>', 'to this one alone');
  webhooks(root.command('webhooks').description("what schools' systems say that changed"));
}

function subscriptions(group: Command): void {
  add(group, 'list <institution>', {
    does: 'lists subscriptions',
    example: 'smartid subscriptions list INSTITUTION',
    run: async () => (await loadSubscriptions()).listSubscriptions,
  });
  add(group, 'create <institution> <url>', {
    does: 'makes one; its secret is shown once',
    example: 'smartid subscriptions create INSTITUTION https://example.org/hook --type sync.held',
    run: async () => (await loadSubscriptions()).createSubscription,
  })
    .option('--type <type>', 'only events of this type; may be given again', collect)
    .option('--description <text>', 'for whom it is');
  add(group, 'update <institution> <subscription>', {
    does: 'changes one; what is not given stays',
    example: 'smartid subscriptions update INSTITUTION SUBSCRIPTION --enable',
    run: async () => (await loadSubscriptions()).updateSubscription,
  })
    .option('--url <url>', 'where to')
    .option('--type <type>', 'only events of this type; may be given again', collect)
    .option('--description <text>', 'for whom it is')
    .option('--enable', 'tell it again')
    .option('--disable', 'tell it no more');
  add(group, 'delete <institution> <subscription>', {
    does: 'removes one',
    example: 'smartid subscriptions delete INSTITUTION SUBSCRIPTION',
    run: async () => (await loadSubscriptions()).deleteSubscription,
  }).option('--yes', 'do not ask');
  add(group, 'test <institution> <subscription>', {
    does: 'sends a test event now',
    example: 'smartid subscriptions test INSTITUTION SUBSCRIPTION',
    run: async () => (await loadSubscriptions()).testSubscription,
  });
  add(group, 'rotate-secret <institution> <subscription>', {
    does: 'makes a new secret, shown once',
    example: 'smartid subscriptions rotate-secret INSTITUTION SUBSCRIPTION --overlap 3600',
    run: async () => (await loadSubscriptions()).rotateSubscriptionSecret,
  }).option(...OVERLAP);
}

function webhooks(group: Command): void {
  add(group, 'list <id>', {
    does: 'lists what came in, newest first',
    example: 'smartid webhooks list ID --status FAILED',
    run: async () => (await loadWebhooks()).listWebhooks,
  })
    .option('--status <status>', 'WAITING, STARTED, DONE, FAILED, IGNORED or REFUSED')
    .option('--limit <number>', 'at most so many; else 100');
  add(group, 'show <id> <webhook>', {
    does: 'shows one with its body, as JSON',
    example: 'smartid webhooks show ID WEBHOOK',
    run: async () => (await loadWebhooks()).showWebhook,
  });
  add(group, 'secrets <id>', {
    does: 'lists the secrets that signatures are held against',
    example: 'smartid webhooks secrets ID',
    run: async () => (await loadWebhooks()).listSecrets,
  });
  add(group, 'create-secret <id>', {
    does: 'makes a secret, shown once',
    example: 'smartid webhooks create-secret ID',
    run: async () => (await loadWebhooks()).createSecret,
  });
  add(group, 'rotate-secret <id>', {
    does: 'makes a new secret, shown once; the former ones count a while longer',
    example: 'smartid webhooks rotate-secret ID --overlap 3600',
    run: async () => (await loadWebhooks()).rotateSecret,
  }).option(...OVERLAP);
  add(group, 'delete-secret <id> <secret>', {
    does: 'removes a secret by its id',
    example: 'smartid webhooks delete-secret ID SECRET',
    run: async () => (await loadWebhooks()).deleteSecret,
  }).option('--yes', 'do not ask');
}
