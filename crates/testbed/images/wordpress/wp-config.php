<?php
define('DB_HOST', getenv('WORDPRESS_DB_HOST') ?: 'mysql');
define('DB_NAME', getenv('WORDPRESS_DB_NAME') ?: 'wordpress');
define('DB_USER', getenv('WORDPRESS_DB_USER') ?: 'example username');
define('DB_PASSWORD', getenv('WORDPRESS_DB_PASSWORD') ?: 'example password');
define('DB_CHARSET', getenv('WORDPRESS_DB_CHARSET') ?: 'utf8mb4');
define('DB_COLLATE', getenv('WORDPRESS_DB_COLLATE') ?: '');
$table_prefix = getenv('WORDPRESS_TABLE_PREFIX') ?: 'wp_';
if ($extra = getenv('WORDPRESS_CONFIG_EXTRA')) {
    eval($extra);
}
if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
