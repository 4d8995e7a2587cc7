/*
 * paho_client - paho's MQTTClient with a client key in a token, for the test: connects and
 * publishes one message.
 *
 * Arguments: URI, CA's file, certificate's file, key's file, topic, message.  0 when the broker has
 * it.
 */
#include <stdio.h>
#include <string.h>

#include <MQTTClient.h>

/* Each line of OpenSSL's errors. */
static int tell(const char *line, size_t n, void *to)
{
	fwrite(line, 1, n, to);
	return 1;
}

static int publish(MQTTClient client, char *topic, char *text)
{
	MQTTClient_message message = MQTTClient_message_initializer;
	MQTTClient_deliveryToken token;
	int rc;

	message.payload = text;
	message.payloadlen = (int)strlen(text);
	message.qos = 1;
	rc = MQTTClient_publishMessage(client, topic, &message, &token);
	return rc ? rc : MQTTClient_waitForCompletion(client, token, 10000);
}

static int run(MQTTClient client, char **argv)
{
	MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
	MQTTClient_SSLOptions ssl = MQTTClient_SSLOptions_initializer;
	int rc;

	ssl.trustStore = argv[2];
	ssl.keyStore = argv[3];
	ssl.privateKey = argv[4];
	ssl.ssl_error_cb = tell;
	ssl.ssl_error_context = stderr;
	options.ssl = &ssl;
	rc = MQTTClient_connect(client, &options);
	if (!rc)
		rc = publish(client, argv[5], argv[6]);
	MQTTClient_disconnect(client, 1000);
	return rc;
}

int main(int argc, char **argv)
{
	MQTTClient client;
	int rc;

	if (argc != 7 || MQTTClient_create(&client, argv[1], "", MQTTCLIENT_PERSISTENCE_NONE, NULL))
		return 2;
	rc = run(client, argv);
	MQTTClient_destroy(&client);
	if (rc)
		fprintf(stderr, "paho: %d\n", rc);
	return rc != 0;
}
