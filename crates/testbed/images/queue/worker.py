"""Takes texts from the queue, one at a time, turns them round, and keeps the result."""

import json
import os

import pika
import redis

RESULTS = redis.Redis.from_url(os.environ["RESULTS_URL"])


def work(channel, method, _properties, body):
    job = json.loads(body)
    result = {"text": job["text"][::-1], "worker": os.environ["HOSTNAME"]}
    RESULTS.set("result:%d" % job["number"], json.dumps(result))
    channel.basic_ack(method.delivery_tag)
    print("done", job["number"])


connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.queue_declare("jobs", durable=True)
channel.basic_qos(prefetch_count=1)
channel.basic_consume("jobs", work)
channel.start_consuming()
