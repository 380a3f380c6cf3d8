// Loaded before the service that `smartid dev` starts: it ends when its parent is gone, however that went.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// That it listens for this keeps nothing alive.
process.channel?.unref();
